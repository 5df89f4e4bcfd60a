#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cryo::broker {

/// A duration as Go writes it: `90s`, `1m30s`, `500ms`, `1.5h`, `-2us`, `0`. Nothing when malformed or beyond 292
/// years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept;

}  // namespace cryo::broker
