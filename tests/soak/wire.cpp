#include "soak/wire.h"

#include <algorithm>
#include <charconv>

namespace soak {

namespace {

// The pair of RFC 6455 1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An echo, its header and some more: nothing this server sends is longer.
constexpr std::uint64_t kMaxFrameBytes = 128u << 10;

void append_big_endian(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

std::uint64_t big_endian(Bytes bytes) {
    std::uint64_t value = 0;
    for (const auto byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

std::string to_uuid(const SessionId& session_id) {
    std::string text;
    for (std::size_t i = 0; i < session_id.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += "0123456789abcdef"[std::to_integer<unsigned>(session_id[i] >> 4)];
        text += "0123456789abcdef"[std::to_integer<unsigned>(session_id[i] & std::byte{0xf})];
    }
    return text;
}

}  // namespace

Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string upgrade_request(std::string_view token, const SessionId& session_id) {
    std::string request = "GET /soak?authorization=Bearer%20";
    request.append(token).append("&x-cryo-sid=").append(to_uuid(session_id));
    request.append(" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    request.append("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ").append(kKey).append("\r\n\r\n");
    return request;
}

int upgrade_status(std::string_view head) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    int status = 0;
    if (head.starts_with(kVersion)) std::from_chars(head.data() + kVersion.size(), head.data() + head.size(), status);
    return status == 101 && head.find(kAccept) == head.npos ? 0 : status;
}

void append_websocket(std::vector<std::byte>& out, Opcode opcode, std::initializer_list<Bytes> parts,
                      std::uint32_t mask) {
    std::size_t length = 0;
    for (const auto part : parts) length += part.size();
    out.push_back(std::byte{0x80} | static_cast<std::byte>(opcode));
    if (length < 126) {
        append_big_endian(out, 0x80 | length, 1);
    } else if (length <= 0xffff) {
        append_big_endian(out, 0x80 | 126, 1);
        append_big_endian(out, length, 2);
    } else {
        append_big_endian(out, 0x80 | 127, 1);
        append_big_endian(out, length, 8);
    }
    append_big_endian(out, mask, 4);
    const std::size_t start = out.size();
    for (const auto part : parts) out.insert(out.end(), part.begin(), part.end());
    for (std::size_t i = 0; i < length; ++i) out[start + i] ^= static_cast<std::byte>(mask >> (24 - 8 * (i % 4)));
}

std::array<std::byte, kCryoHeaderBytes> cryo_header(const SessionId& session_id, std::uint32_t ack_id, FrameType type) {
    std::array<std::byte, kCryoHeaderBytes> header;
    std::ranges::copy(session_id, header.begin());
    for (std::size_t i = 0; i < 4; ++i) header[16 + i] = static_cast<std::byte>(ack_id >> (24 - 8 * i));
    header[20] = static_cast<std::byte>(type);
    return header;
}

std::array<std::byte, 2> close_payload(std::uint16_t code) {
    return {static_cast<std::byte>(code >> 8), static_cast<std::byte>(code)};
}

Taken take_websocket(Bytes& input, WebSocketFrame& frame) {
    if (input.size() < 2) return Taken::incomplete;
    const auto first = std::to_integer<unsigned>(input[0]);
    std::uint64_t length = std::to_integer<unsigned>(input[1]);
    if ((first & 0xf0) != 0x80 || length > 127) return Taken::invalid;  // a fragment, reserved bits, or masked

    const std::size_t extended = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (input.size() < 2 + extended) return Taken::incomplete;
    if (extended != 0) length = big_endian(input.subspan(2, extended));
    if (length > kMaxFrameBytes) return Taken::invalid;
    if (input.size() < 2 + extended + length) return Taken::incomplete;
    frame = {static_cast<Opcode>(first & 0xf), input.subspan(2 + extended, length)};
    input = input.subspan(2 + extended + length);
    return Taken::frame;
}

std::optional<CryoFrame> parse_cryo(Bytes message) {
    if (message.size() < kCryoHeaderBytes) return std::nullopt;
    CryoFrame frame{.ack_id = static_cast<std::uint32_t>(big_endian(message.subspan(16, 4))),
                    .type = static_cast<FrameType>(message[20]),
                    .payload = message.subspan(kCryoHeaderBytes)};
    std::ranges::copy(message.first(16), frame.session_id.begin());
    return frame;
}

std::uint16_t parse_close(Bytes payload) {
    return payload.size() < 2 ? std::uint16_t{1005} : static_cast<std::uint16_t>(big_endian(payload.first(2)));
}

}  // namespace soak
