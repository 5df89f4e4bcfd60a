#pragma once

#include <string_view>

#include <cryo/logging.h>

namespace cryo::redis {

/// Logs without ever throwing. Null: silent.
inline void log(ILogger* logger, LogLevel level, std::string_view message) noexcept {
    if (!logger) return;
    try {
        logger->log(level, "redis", message);
    } catch (...) {  // nobody is left to tell
    }
}

}  // namespace cryo::redis
