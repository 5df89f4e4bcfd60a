#include "generator/frames.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include "websocket/mask.h"

namespace load {
namespace {

using cryo::websocket::MaskKey;

constexpr std::array<std::byte, 4> kMaskBytes{std::byte{0x5a}, std::byte{0xc3}, std::byte{0x17}, std::byte{0x9e}};
constexpr std::byte kMaskBit{0x80};
constexpr std::byte kFinalBit{0x80};

}  // namespace

void apply_mask(std::byte* out, Bytes in, std::size_t offset) noexcept {
    cryo::websocket::apply_mask(out, in.data(), in.size(), MaskKey(kMaskBytes).advanced(offset));
}

std::byte* append_header(Output& out, Opcode opcode, std::size_t payload_bytes) {
    std::array<std::byte, cryo::websocket::kMaxClientHeaderBytes> header;
    const std::size_t unmasked = cryo::websocket::write_frame_header(header.data(), opcode, payload_bytes);
    header[1] |= kMaskBit;
    const std::size_t bytes = unmasked + kMaskBytes.size();
    std::byte* const room = out.extend(bytes + payload_bytes);
    std::memcpy(room, header.data(), unmasked);
    std::memcpy(room + unmasked, kMaskBytes.data(), kMaskBytes.size());
    return room + bytes;
}

void append_frame(Output& out, Opcode opcode, Bytes payload) {
    apply_mask(append_header(out, opcode, payload.size()), payload);
}

std::optional<ServerFrame> front_frame(std::span<std::byte> input, std::size_t max_payload_bytes) {
    if (input.size() < 2) return std::nullopt;
    if ((input[1] & kMaskBit) != std::byte{}) throw std::runtime_error("the server sent a masked frame");
    std::size_t payload_bytes = std::to_integer<std::size_t>(input[1]);
    std::size_t header_bytes = 2;
    if (payload_bytes >= 126) {
        header_bytes += payload_bytes == 126 ? 2 : 8;
        if (input.size() < header_bytes) return std::nullopt;
        payload_bytes = 0;
        for (std::size_t i = 2; i < header_bytes; ++i) {
            payload_bytes = payload_bytes << 8 | std::to_integer<std::size_t>(input[i]);
        }
    }
    const auto opcode = static_cast<Opcode>(input[0] & std::byte{0x0f});
    if ((input[0] & std::byte{0xf0}) != kFinalBit || opcode == Opcode::continuation) {
        throw std::runtime_error("the server sent a fragment, or a frame of an extension");
    }
    if (payload_bytes > max_payload_bytes) throw std::runtime_error("the server sent more than it was sent");
    if (input.size() - header_bytes < payload_bytes) return std::nullopt;
    return ServerFrame{opcode, input.subspan(header_bytes, payload_bytes), header_bytes + payload_bytes};
}

}  // namespace load
