#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cryo::connection {

class WebSocketConnection;

/// A connection's places in the sets it belongs to.
struct ConnectionSlots {
    std::uint32_t loop_slot = 0;      ///< Among all of its loop.
    std::uint32_t endpoint_slot = 0;  ///< Among those of its endpoint on this loop.
    std::uint32_t waiting_slot = 0;   ///< Among those that wait for the kernel.
};

/// Connections of one loop, close together in memory; each knows its place, so that leaving is O(1).
///
/// Visitors may close connections, this one and others, and open new ones: who leaves during a visit is not visited any
/// more, who comes is not visited yet. Loop thread only.
class ConnectionSet {
public:
    using Slot = std::uint32_t ConnectionSlots::*;

    /// @param slot where a connection keeps its place in this set
    explicit ConnectionSet(Slot slot) noexcept : slot_(slot) {}

    void add(WebSocketConnection& connection);
    void remove(WebSocketConnection& connection) noexcept;
    std::size_t size() const noexcept { return members_.size() - gaps_; }

    template <class Visit>
    void for_each(Visit&& visit) {
        ++visits_;
        const std::size_t end = members_.size();
        for (std::size_t i = 0; i < end; ++i) {
            if (members_[i]) visit(*members_[i]);
        }
        if (--visits_ == 0 && gaps_ > 0) compact();
    }

private:
    void compact() noexcept;

    Slot slot_;
    std::vector<WebSocketConnection*> members_{};  // null: left during a visit
    std::size_t gaps_ = 0;
    unsigned visits_ = 0;
};

}  // namespace cryo::connection
