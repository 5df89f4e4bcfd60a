#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cryo::auth {

/// `2026-01-31T23:59:59Z`, for years of four digits.
std::string format_rfc3339(std::chrono::sys_seconds time);

/// With any offset; a fraction of a second is cut off. Nothing when it is not such a time.
std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);

}  // namespace cryo::auth
