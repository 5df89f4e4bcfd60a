#pragma once

#include <chrono>

#include <cryo/auth/wall_clock.h>

namespace cryo::auth {

inline std::chrono::system_clock::time_point wall_time(const WallClock& clock) {
    return clock ? clock() : std::chrono::system_clock::now();
}

/// The second that it is.
inline std::chrono::sys_seconds wall_seconds(const WallClock& clock) {
    return std::chrono::floor<std::chrono::seconds>(wall_time(clock));
}

}  // namespace cryo::auth
