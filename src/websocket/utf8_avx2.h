#pragma once

#include <cstddef>
#include <span>

namespace cryo::websocket {

/// Whether this processor can run is_valid_utf8_avx2().
bool has_utf8_avx2() noexcept;

/// Whether `bytes` are whole characters of valid UTF-8, 32 bytes at a time.
bool is_valid_utf8_avx2(std::span<const std::byte> bytes) noexcept;

}  // namespace cryo::websocket
