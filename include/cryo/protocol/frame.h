#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include <cryo/bytes.h>
#include <cryo/export.h>
#include <cryo/session_id.h>

/// Frames of the Cryo 2.5 protocol: one in each binary WebSocket message; integers are big-endian.
namespace cryo::protocol {

enum class FrameType : std::uint8_t {
    ack = 0,             ///< No payload.
    error = 1,           ///< A name: `kInvalidOperation` ...
    ping_pong = 2,       ///< `kPing` or `kPong`.
    utf8data = 3,        ///< UTF-8 text.
    binarydata = 4,      ///< Bytes.
    server_hello = 5,    ///< The server's P-256 public key, uncompressed: 65 bytes.
    client_hello = 6,    ///< The client's.
    handshake_done = 7,  ///< `kAbsentPayload`.
};

/// What the deployed clients write for a payload that is not there, except in acks. On receipt it cannot be told from
/// the text of these four letters, and is delivered as such.
inline constexpr std::string_view kAbsentPayload = "null";

inline constexpr std::string_view kPing = "ping";
inline constexpr std::string_view kPong = "pong";

/// Payloads of error frames.
inline constexpr std::string_view kInvalidOperation = "invalid_operation";
inline constexpr std::string_view kSessionExpired = "session_expired";
inline constexpr std::string_view kError = "error";
inline constexpr std::string_view kUnknownError = "unknown_error";  ///< An error without a name.

/// Bytes before the payload: sid (16), ack id (4), type (1).
inline constexpr std::size_t kFrameHeaderBytes = 21;

struct FrameHeader {
    SessionId session_id{};
    std::uint32_t ack_id = 0;
    FrameType type{};

    bool operator==(const FrameHeader&) const = default;
};

/// A frame in somebody else's buffer; `payload` is the message after the header.
struct FrameView {
    FrameHeader header{};
    Bytes payload{};
};

/// Why a message is no frame.
struct FrameError {
    enum class Reason {
        too_short,     ///< Less than a header.
        unknown_type,  ///< Above 7.
    };
    Reason reason{};
    std::uint32_t ack_id = 0;  ///< 0 when the message is too short to have one.

    bool operator==(const FrameError&) const = default;
};

/// Reads one message, without copying. Whether sid and payload are what they should be is for the caller to say.
CRYO_API std::variant<FrameView, FrameError> parse_frame(Bytes message) noexcept;

/// Writes a header to the first `kFrameHeaderBytes` of `out`, which must be there; the payload follows it.
CRYO_API void write_header(std::byte* out, const FrameHeader& header) noexcept;

}  // namespace cryo::protocol
