#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include <cryo/logging.h>

namespace cryo::test {

/// Lines of a log, to look for.
class LogLines final : public ILogger {
public:
    void log(LogLevel, std::string_view component, std::string_view message) override {
        const std::lock_guard lock(mutex_);
        text_ += std::string(component) + ": " + std::string(message) + '\n';
    }
    bool has(std::string_view words) const {
        const std::lock_guard lock(mutex_);
        return text_.find(words) != std::string::npos;
    }
    std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

}  // namespace cryo::test
