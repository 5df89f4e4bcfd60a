#pragma once

#include <string_view>

namespace cryo::broker {

/// Whether text is valid UTF-8 (RFC 3629): what a text frame may carry, and a protobuf string.
bool is_utf8(std::string_view text) noexcept;

}  // namespace cryo::broker
