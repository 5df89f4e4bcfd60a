#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <cryo/options.h>

struct z_stream_s;

/// permessage-deflate, RFC 7692.
namespace cryo::websocket {

class ByteBuffer;

/// What a connection agreed on. Windows have 8 to 15 bits.
struct DeflateParameters {
    int server_max_window_bits = 15;
    int client_max_window_bits = 15;
    bool server_context_takeover = false;
    bool client_context_takeover = true;

    friend bool operator==(const DeflateParameters&, const DeflateParameters&) = default;
};

struct DeflateAgreement {
    DeflateParameters parameters;
    std::string response;  // the value of the answer's Sec-WebSocket-Extensions
};

/// Takes the first offer that can be met, of all the request's Sec-WebSocket-Extensions lines. None: no compression.
std::optional<DeflateAgreement> negotiate_deflate(std::span<const std::string_view> header_lines,
                                                  const DeflateOptions& options);

/// Decompresses the messages of one connection. Its state exists from the first compressed message on, without context
/// takeover only within a message.
class Inflater {
public:
    enum class Status { ok, too_big, corrupt };

    Inflater(int window_bits, bool context_takeover) noexcept;

    /// Appends what `compressed`, a further piece of the message, holds to `out`; stops one byte above `max_bytes`.
    Status append(std::span<const std::byte> compressed, ByteBuffer& out, std::size_t max_bytes);

    /// Ends the message.
    Status finish(ByteBuffer& out, std::size_t max_bytes);

private:
    struct Deleter {
        void operator()(z_stream_s* stream) const noexcept;
    };
    z_stream_s& stream();
    Status inflate(std::span<const std::byte> compressed, ByteBuffer& out, std::size_t max_bytes, int flush);

    std::unique_ptr<z_stream_s, Deleter> stream_;
    std::uint8_t window_bits_;
    bool context_takeover_;
};

/// Compresses messages: those of one connection, or, without context takeover, those of many.
class Deflater {
public:
    Deflater(const DeflateOptions& options, int window_bits, bool context_takeover) noexcept;

    /// Room that compress() may need.
    static constexpr std::size_t max_compressed_bytes(std::size_t message_bytes) noexcept {
        return message_bytes + message_bytes / 8 + message_bytes / 64 + 64;
    }

    /// Writes the compressed payload of `message` and returns its length; 0 when it does not fit or is over 4 GiB.
    std::size_t compress(std::span<const std::byte> message, std::span<std::byte> out);

private:
    struct Deleter {
        void operator()(z_stream_s* stream) const noexcept;
    };
    z_stream_s& stream();

    std::unique_ptr<z_stream_s, Deleter> stream_;
    std::int8_t level_;
    std::uint8_t window_bits_;
    bool context_takeover_;
};

}  // namespace cryo::websocket
