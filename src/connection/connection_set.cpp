#include "connection/connection_set.h"

#include <algorithm>

#include "connection/websocket_connection.h"

namespace cryo::connection {

void ConnectionSet::add(WebSocketConnection& connection) {
    connection.*slot_ = static_cast<std::uint32_t>(members_.size());
    members_.push_back(&connection);
}

void ConnectionSet::remove(WebSocketConnection& connection) noexcept {
    const std::uint32_t slot = connection.*slot_;
    if (slot >= members_.size() || members_[slot] != &connection) return;
    if (visits_ > 0) {
        members_[slot] = nullptr;
        ++gaps_;
        return;
    }
    members_[slot] = members_.back();
    members_[slot]->*slot_ = slot;
    members_.pop_back();
    if (members_.capacity() > 64 && members_.size() * 4 < members_.capacity()) members_.shrink_to_fit();
}

void ConnectionSet::compact() noexcept {
    std::erase(members_, nullptr);
    for (std::size_t i = 0; i < members_.size(); ++i) members_[i]->*slot_ = static_cast<std::uint32_t>(i);
    gaps_ = 0;
}

}  // namespace cryo::connection
