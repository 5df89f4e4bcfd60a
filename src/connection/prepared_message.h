#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include <cryo/connection.h>

#include "websocket/deflate.h"

namespace cryo {

/// The bytes of a prepared message as they go on the wire: an unmasked, final WebSocket frame. Shared by every connection and
/// thread it is sent to, so nothing in it changes but the lazily made compressed form.
struct PreparedMessage::Encoded {
    Encoded(MessageKind message_kind, Bytes payload);

    Bytes payload() const noexcept { return Bytes(frame).subspan(header_bytes); }

    /// The frame of permessage-deflate without context takeover, made by the first connection that asks. Empty when
    /// compressing does not pay.
    Bytes compressed(const DeflateOptions& options) const;

    MessageKind kind;
    std::size_t header_bytes = 0;
    std::vector<std::byte> frame{};

private:
    mutable std::once_flag compress_once_{};
    mutable std::vector<std::byte> compressed_{};
};

}  // namespace cryo
