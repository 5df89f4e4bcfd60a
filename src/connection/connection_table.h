#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace cryo::connection {

class WebSocketConnection;

inline constexpr std::uint32_t kNoSlot = UINT32_MAX;

/// A connection's places in the tables it belongs to.
struct ConnectionSlots {
    std::uint32_t loop_slot = 0;            ///< Among all of its loop.
    std::uint32_t endpoint_slot = 0;        ///< Among those of its endpoint on this loop.
    std::uint32_t waiting_slot = 0;         ///< Among those that wait for the kernel.
    std::uint32_t receiver_slot = kNoSlot;  ///< Among those that are in a group.
};

/// Connections of one loop, close together in memory; each knows its place, so that leaving is O(1).
///
/// Visitors may close connections, this one and others, and open new ones: who leaves during a visit is not visited any
/// more, who comes is not visited yet. Loop thread only.
/// @tparam Entry what is kept of each: at least `WebSocketConnection* connection`, null: left during a visit
template <class Entry>
class ConnectionTable {
public:
    using Connection = std::remove_pointer_t<decltype(Entry::connection)>;
    using Slot = std::uint32_t ConnectionSlots::*;

    /// @param slot where a connection keeps its place in this table
    explicit ConnectionTable(Slot slot) noexcept : slot_(slot) {}

    void add(Entry entry) {
        entry.connection->*slot_ = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back(std::move(entry));
    }

    /// Null for a connection that is not in here.
    Entry* find(const Connection& connection) noexcept {
        const std::uint32_t slot = connection.*slot_;
        return slot < entries_.size() && entries_[slot].connection == &connection ? &entries_[slot] : nullptr;
    }

    void remove(const Connection& connection) noexcept {
        Entry* const entry = find(connection);
        if (!entry) return;
        if (visits_ > 0) {
            entry->connection = nullptr;
            ++gaps_;
            return;
        }
        *entry = entries_.back();
        entry->connection->*slot_ = connection.*slot_;
        entries_.pop_back();
        if (entries_.capacity() > 64 && entries_.size() * 4 < entries_.capacity()) entries_.shrink_to_fit();
    }

    std::size_t size() const noexcept { return entries_.size() - gaps_; }

    template <class Visit>
    void for_each(Visit&& visit) {
        ++visits_;
        const std::size_t end = entries_.size();
        for (std::size_t i = 0; i < end; ++i) {
            if (entries_[i].connection) visit(entries_[i]);
        }
        if (--visits_ == 0 && gaps_ > 0) compact();
    }

private:
    void compact() noexcept {
        std::erase_if(entries_, [](const Entry& entry) { return !entry.connection; });
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            entries_[i].connection->*slot_ = static_cast<std::uint32_t>(i);
        }
        gaps_ = 0;
    }

    Slot slot_;
    std::vector<Entry> entries_{};
    std::size_t gaps_ = 0;
    unsigned visits_ = 0;
};

struct ConnectionEntry {
    WebSocketConnection* connection = nullptr;
};
using ConnectionSet = ConnectionTable<ConnectionEntry>;

}  // namespace cryo::connection
