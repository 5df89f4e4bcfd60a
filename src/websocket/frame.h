#pragma once

#include <cstddef>
#include <cstdint>

namespace cryo::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline constexpr std::size_t kMaxServerHeaderBytes = 10;  // unmasked
inline constexpr std::size_t kMaxClientHeaderBytes = 14;  // masked
inline constexpr std::size_t kMaxControlPayloadBytes = 125;

constexpr bool is_control(Opcode opcode) noexcept { return (static_cast<std::uint8_t>(opcode) & 0x08) != 0; }

/// Writes the header of an unmasked, final frame and returns its length: 2, 4 or 10.
inline std::size_t write_frame_header(std::byte* out, Opcode opcode, std::size_t payload_bytes,
                                      bool compressed = false) noexcept {
    const auto put = [out](std::size_t at, std::size_t value) { out[at] = static_cast<std::byte>(value & 0xff); };
    put(0, 0x80U | (compressed ? 0x40U : 0U) | static_cast<std::uint8_t>(opcode));
    if (payload_bytes < 126) {
        put(1, payload_bytes);
        return 2;
    }
    if (payload_bytes <= 0xffff) {
        put(1, 126);
        put(2, payload_bytes >> 8);
        put(3, payload_bytes);
        return 4;
    }
    put(1, 127);
    const auto length = static_cast<std::uint64_t>(payload_bytes);
    for (std::size_t i = 0; i < 8; ++i) put(2 + i, static_cast<std::size_t>(length >> (56 - 8 * i)));
    return 10;
}

}  // namespace cryo::websocket
