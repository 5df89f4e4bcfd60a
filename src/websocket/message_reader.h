#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "websocket/deflate.h"
#include "websocket/frame.h"

namespace cryo::websocket {

/// What the peer did wrong: the close code to send, and a static text.
struct ProtocolFailure {
    std::uint16_t code = 0;
    std::string_view reason;
};

struct CloseFrame {
    std::uint16_t code = 0;  // close_code::kNoStatus when the frame had none
    std::string_view reason;
};

/// Turns the bytes a client sends after the upgrade into messages and control frames (RFC 6455, server side).
///
/// A frame that lies whole in the bytes it is given is handed out in place. Memory is held only while a message or a
/// frame is incomplete, and grows with what arrived, not with what a header announces. Thread safety: none; it belongs
/// to its connection's loop.
class MessageReader {
public:
    /// Told what came, in the order of the wire. Everything passed is valid until the call returns. A callback that
    /// returns false stops the reader behind this frame. None may call or destroy the reader.
    class Sink {
    public:
        /// `type` is text or binary. The payload may be overwritten.
        virtual bool on_message(Opcode type, std::span<std::byte> payload) = 0;
        virtual bool on_ping(std::span<const std::byte> payload) = 0;
        virtual bool on_pong(std::span<const std::byte> payload) = 0;
        virtual bool on_close(const CloseFrame& frame) = 0;

    protected:
        ~Sink() = default;
    };

    struct Result {
        std::size_t consumed = 0;
        std::optional<ProtocolFailure> failure;
    };

    /// A message may have up to `max_message_bytes`, decompressed ones included.
    explicit MessageReader(std::size_t max_message_bytes) noexcept;
    ~MessageReader();
    MessageReader(MessageReader&&) noexcept;
    MessageReader& operator=(MessageReader&&) noexcept;

    /// Accepts compressed messages from now on.
    void enable_inflation(const DeflateParameters& negotiated);

    /// Reads `data`, which is overwritten: payloads are unmasked in place. What a stop left over is to be passed again.
    /// Behind a close frame or a failure nothing is consumed any more.
    Result consume(std::span<std::byte> data, Sink& sink);

private:
    struct Input;
    struct Frame;
    struct Assembly;

    Assembly& assembly();
    void release_if_idle() noexcept;
    void fail(Input& input, const ProtocolFailure& failure) noexcept;

    bool read_header(Input& input, Frame& frame);
    const ProtocolFailure* check_start(const Frame& frame, std::uint8_t first) const noexcept;
    const ProtocolFailure* check_length(const Frame& frame) const noexcept;
    void begin_frame(Input& input, const Frame& frame);
    void continue_frame(Input& input);
    const ProtocolFailure* append(std::span<std::byte> masked_chunk);
    const ProtocolFailure* append_inflated(std::span<std::byte> masked_chunk);
    const ProtocolFailure* check_inflated(std::size_t from, Inflater::Status status);
    void finish_message(Input& input);
    void dispatch_message(Input& input, Opcode type, std::span<std::byte> payload);
    void dispatch_control(Input& input, Opcode opcode, std::span<const std::byte> payload);
    void dispatch_close(Input& input, std::span<const std::byte> payload);

    std::size_t max_message_bytes_;
    std::unique_ptr<Inflater> inflater_;  // set when compression was negotiated
    std::unique_ptr<Assembly> assembly_;  // set while a message or a frame is incomplete
    bool finished_ = false;
};

}  // namespace cryo::websocket
