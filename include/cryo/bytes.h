#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace cryo {

/// Borrowed bytes: valid until the call they were handed to returns. Copy what is to be kept.
using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace cryo
