#pragma once

#include <memory>
#include <string_view>

#include <cryo/logging.h>

namespace cryo::broker {

inline constexpr std::string_view kComponent = "broker";

inline void log(const std::shared_ptr<ILogger>& logger, LogLevel level, std::string_view message) {
    if (logger) logger->log(level, kComponent, message);
}

}  // namespace cryo::broker
