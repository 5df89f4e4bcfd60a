#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The client's side of WebSocket and of the Cryo protocol, written apart from the library: a mistake there must not
/// hide behind the same mistake here.
namespace soak {

using Bytes = std::span<const std::byte>;
using SessionId = std::array<std::byte, 16>;

enum class Opcode : std::uint8_t { text = 1, binary = 2, reserved = 3, close = 8, ping = 9, pong = 10 };
enum class FrameType : std::uint8_t { ack = 0, error = 1, ping_pong = 2, utf8data = 3, binarydata = 4, unknown = 99 };

constexpr std::uint16_t kProtocolError = 1002, kGraceful = 4000, kClientError = 4001;

struct CryoFrame {
    SessionId session_id{};
    std::uint32_t ack_id = 0;
    FrameType type = FrameType::ack;
    Bytes payload{};
};

constexpr std::size_t kCryoHeaderBytes = 21;

Bytes as_bytes(std::string_view text);
std::string_view as_text(Bytes bytes);

std::string upgrade_request(std::string_view token, const SessionId& session_id);
/// The whole response has arrived when its end is in `head`. @returns its status; 0: a 101 that does not fit the
/// request
int upgrade_status(std::string_view head);

/// Appends one masked WebSocket frame.
void append_websocket(std::vector<std::byte>& out, Opcode opcode, std::initializer_list<Bytes> parts,
                      std::uint32_t mask);
std::array<std::byte, kCryoHeaderBytes> cryo_header(const SessionId& session_id, std::uint32_t ack_id, FrameType type);
std::array<std::byte, 2> close_payload(std::uint16_t code);

struct WebSocketFrame {
    Opcode opcode;
    Bytes payload;
};
enum class Taken { frame, incomplete, invalid };
/// Takes a frame off the front of what the server sent.
Taken take_websocket(Bytes& input, WebSocketFrame& frame);

std::optional<CryoFrame> parse_cryo(Bytes message);
/// 1005: the frame has none.
std::uint16_t parse_close(Bytes payload);

}  // namespace soak
