#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cryo::broker {

/// `2026-01-31T12:00:00Z` (RFC 3339), as times are stored in Redis.
std::string format_time(std::chrono::sys_seconds time);

/// With any offset; a fraction of the second is dropped. Nothing when malformed.
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) noexcept;

}  // namespace cryo::broker
