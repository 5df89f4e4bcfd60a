#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include <cryo/connection.h>
#include <cryo/options.h>

namespace cryo {

/// The bytes of a prepared message as they go on the wire: an unmasked, final WebSocket frame. Shared by every
/// connection and thread it is sent to, so nothing in it changes but the lazily made compressed form.
struct PreparedMessage::Encoded {
    Encoded(MessageKind message_kind, Bytes payload);

    Bytes payload() const noexcept { return Bytes(frame).subspan(header_bytes); }

    struct Compressed {
        std::vector<std::byte> frame{};  ///< Empty when compressing does not pay.
        int window_bits = 0;             ///< What a receiver needs to inflate it.
    };
    /// The frame of permessage-deflate without context takeover, made as the first server that asks wants it.
    const Compressed& compressed(const DeflateOptions& options) const;

    MessageKind kind;
    bool valid;  ///< Binary, or text that is UTF-8.
    std::size_t header_bytes = 0;
    std::vector<std::byte> frame{};

private:
    mutable std::once_flag compress_once_{};
    mutable Compressed compressed_{};
};

}  // namespace cryo
