#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "connection/connection_table.h"
#include "connection/group.h"
#include "connection/sent.h"

namespace cryo::connection {

/// A connection that is in at least one group: all that sending to an idle one looks at, in one cache line.
struct alignas(64) Receiver {
    WebSocketConnection* connection = nullptr;
    std::uint64_t reached = 0;  ///< Number of the last publication that it got, or that was not for it.
    std::size_t room = 0;       ///< While idle: bytes that it may be sent before it has to be looked at.
    Sent uncounted{};           ///< While idle: what it was sent and has not counted.
    int descriptor = -1;
    bool busy = true;  ///< Sends, or may be about to send, by itself.
};

/// One of a receiver's groups, and its place there.
struct Membership {
    Group* group = nullptr;
    std::uint32_t position = 0;
};

/// Who is in which groups of one loop. Joining and leaving are O(groups of the connection); receivers lie together in
/// memory, so any change may move them.
class Receivers {
public:
    /// Null for a connection that is in no group.
    Receiver* find(const ConnectionSlots& connection) noexcept {
        const std::uint32_t slot = connection.receiver_slot;
        return slot == kNoSlot ? nullptr : &receivers_[slot];
    }
    const Receiver* find(const ConnectionSlots& connection) const noexcept {
        return const_cast<Receivers*>(this)->find(connection);
    }
    std::span<const Membership> memberships(const ConnectionSlots& connection) const noexcept {
        return memberships_[connection.receiver_slot];
    }
    bool is_member(const Group& group, const ConnectionSlots& connection) const noexcept;

    /// Makes it a receiver if it was none. It must not be in the group already.
    Receiver& join(Group& group, WebSocketConnection& connection);
    /// It must be in the group.
    void leave(Group& group, WebSocketConnection& connection) noexcept;
    void leave_all(WebSocketConnection& connection) noexcept;
    void remove_members(Group& group) noexcept;

    /// Members may come and go meanwhile: who leaves is not visited any more, who comes not yet.
    /// @param visit called with a Receiver&, good until members change
    template <class Visit>
    void visit(Group& group, Visit&& visit) {
        ++group.visits_;
        const std::size_t end = group.members_.size();
        for (std::size_t i = 0; i < end; ++i) {
            if (i + kAhead < end) prefetch(group.members_[i + kAhead].receiver);
            const std::uint32_t slot = group.members_[i].receiver;
            if (slot != Group::kGap) visit(receivers_[slot]);
        }
        if (--group.visits_ == 0 && group.gaps_ > 0) close_gaps(group);
    }

private:
    /// Members of a group may lie anywhere among the receivers: fetched so many sends before they are needed.
    static constexpr std::size_t kAhead = 4;

    void prefetch(std::uint32_t slot) const noexcept {
        if (slot != Group::kGap) __builtin_prefetch(&receivers_[slot], 1);
    }
    void drop_member(const Membership& membership) noexcept;
    void remove(WebSocketConnection& connection) noexcept;
    void close_gaps(Group& group) noexcept;

    std::vector<Receiver> receivers_{};
    std::vector<std::vector<Membership>> memberships_{};  // of each receiver
};

}  // namespace cryo::connection
