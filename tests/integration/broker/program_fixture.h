#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "program.h"

namespace cryo::test {

/// The program, run in a folder that holds what the test writes there.
class BrokerProgram : public ::testing::Test {
protected:
    BrokerProgram() {
        std::string pattern = std::filesystem::temp_directory_path() / "cryo-broker-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~BrokerProgram() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<Program> run(std::vector<std::string> arguments, Program::Environment environment = {}) {
        arguments.insert(arguments.begin(), CRYO_BROKER_PROGRAM);
        environment.emplace("HOME", folder_);
        return std::make_unique<Program>(std::move(arguments), folder_, environment);
    }
    void write(const std::string& name, const std::string& content) const {
        std::ofstream(std::filesystem::path(folder_) / name) << content;
    }

    std::string folder_;
};

}  // namespace cryo::test
