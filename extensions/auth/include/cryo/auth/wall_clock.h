#pragma once

#include <chrono>
#include <functional>

namespace cryo::auth {

/// The time of day, which tokens and claims end by. Null: the system's. Called from any thread.
using WallClock = std::function<std::chrono::system_clock::time_point()>;

}  // namespace cryo::auth
