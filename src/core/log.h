#pragma once

#include <string_view>

#include <cryo/logging.h>

namespace cryo {

/// Logs without ever throwing: a logger that fails cannot stop the server. Null: silent.
inline void log(ILogger* logger, LogLevel level, std::string_view component, std::string_view message) noexcept {
    if (!logger) return;
    try {
        logger->log(level, component, message);
    } catch (...) {  // nobody is left to tell
    }
}

}  // namespace cryo
