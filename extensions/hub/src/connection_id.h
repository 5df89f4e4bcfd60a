#pragma once

#include <string>

#include <cryo/result.h>

namespace cryo::hub {

/// 128 random bits, as 32 hexadecimal digits. Errors: `system` when the system has no randomness to give.
Result<std::string> random_connection_id();

}  // namespace cryo::hub
