#include <cstring>

#include <cryo/protocol/frame.h>

namespace cryo::protocol {
namespace {

constexpr std::size_t kAckIdOffset = 16;
constexpr std::size_t kTypeOffset = 20;

std::uint32_t load_be32(const std::byte* in) noexcept {
    const auto at = [in](std::size_t i) { return std::to_integer<std::uint32_t>(in[i]); };
    return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

void store_be32(std::byte* out, std::uint32_t value) noexcept {
    for (unsigned i = 0; i < 4; ++i) out[i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

}  // namespace

std::variant<FrameView, FrameError> parse_frame(Bytes message) noexcept {
    if (message.size() < kFrameHeaderBytes) return FrameError{FrameError::Reason::too_short};
    const auto ack_id = load_be32(&message[kAckIdOffset]);
    const auto type = std::to_integer<std::uint8_t>(message[kTypeOffset]);
    if (type > static_cast<std::uint8_t>(FrameType::handshake_done)) {
        return FrameError{FrameError::Reason::unknown_type, ack_id};
    }
    FrameView frame{{{}, ack_id, static_cast<FrameType>(type)}, message.subspan(kFrameHeaderBytes)};
    std::memcpy(frame.header.session_id.bytes.data(), message.data(), kAckIdOffset);
    return frame;
}

void write_header(std::byte* out, const FrameHeader& header) noexcept {
    std::memcpy(out, header.session_id.bytes.data(), kAckIdOffset);
    store_be32(out + kAckIdOffset, header.ack_id);
    out[kTypeOffset] = static_cast<std::byte>(header.type);
}

}  // namespace cryo::protocol
