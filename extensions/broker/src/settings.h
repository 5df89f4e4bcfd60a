#pragma once

#include <map>
#include <string>

#include <cryo/broker/config.h>
#include <cryo/result.h>

namespace cryo::broker {

/// The text of one option, and where it was found, for messages: a file, a variable, a flag.
struct Setting {
    std::string value{};
    std::string origin{};
};

using Settings = std::map<std::string, Setting>;  ///< By key.

/// Turns texts into options. Errors: each that cannot be what it should be, one a line.
Result<> apply_settings(const Settings& settings, Config& config);

}  // namespace cryo::broker
