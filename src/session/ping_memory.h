#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cryo::session {

/// Which client pings were answered last, so that a client that answers our pong with a ping starts no loop.
///
/// Each remembered id swallows one ping. Eight ids: a loop would need more pings in flight than any deployed client
/// sends; forgetting the oldest keeps a client answered that never echoes.
class PingMemory {
public:
    /// Whether this ping is a new one, to be answered; it is remembered then.
    bool should_answer(std::uint32_t ack_id) noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            if (ids_[i] != ack_id) continue;
            ids_[i] = ids_[--count_];
            return false;
        }
        if (count_ < ids_.size()) {
            ids_[count_++] = ack_id;
        } else {
            ids_[oldest_++ % ids_.size()] = ack_id;
        }
        return true;
    }

private:
    std::array<std::uint32_t, 8> ids_{};
    std::uint8_t count_ = 0;
    std::uint8_t oldest_ = 0;
};

}  // namespace cryo::session
