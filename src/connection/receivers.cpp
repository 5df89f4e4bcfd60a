#include "connection/receivers.h"

#include <algorithm>
#include <utility>

#include "connection/websocket_connection.h"

namespace cryo::connection {

namespace {

template <class T>
void shrink(std::vector<T>& vector) {
    if (vector.capacity() > 64 && vector.size() * 4 < vector.capacity()) vector.shrink_to_fit();
}

}  // namespace

bool Receivers::is_member(const Group& group, const ConnectionSlots& connection) const noexcept {
    if (connection.receiver_slot == kNoSlot) return false;
    return std::ranges::any_of(memberships(connection), [&](const Membership& one) { return one.group == &group; });
}

Receiver& Receivers::join(Group& group, WebSocketConnection& connection) {
    if (connection.receiver_slot == kNoSlot) {
        connection.receiver_slot = static_cast<std::uint32_t>(receivers_.size());
        receivers_.push_back({.connection = &connection, .descriptor = connection.descriptor()});
        memberships_.emplace_back();
    }
    auto& mine = memberships_[connection.receiver_slot];
    group.members_.push_back({connection.receiver_slot, static_cast<std::uint32_t>(mine.size())});
    mine.push_back({&group, static_cast<std::uint32_t>(group.members_.size() - 1)});
    return receivers_[connection.receiver_slot];
}

void Receivers::leave(Group& group, WebSocketConnection& connection) noexcept {
    auto& mine = memberships_[connection.receiver_slot];
    const auto left = std::ranges::find(mine, &group, &Membership::group);
    drop_member(*left);
    if (&*left != &mine.back()) {
        *left = mine.back();
        left->group->members_[left->position].membership = static_cast<std::uint32_t>(left - mine.begin());
    }
    mine.pop_back();
    if (mine.empty()) remove(connection);
}

void Receivers::leave_all(WebSocketConnection& connection) noexcept {
    for (const Membership& membership : memberships_[connection.receiver_slot]) drop_member(membership);
    remove(connection);
}

void Receivers::remove_members(Group& group) noexcept {
    while (!group.members_.empty()) leave(group, *receivers_[group.members_.back().receiver].connection);
}

/// The group's side of leaving.
void Receivers::drop_member(const Membership& membership) noexcept {
    Group& group = *membership.group;
    if (group.visits_ > 0) {
        group.members_[membership.position].receiver = Group::kGap;
        ++group.gaps_;
        return;
    }
    const Group::Member moved = group.members_.back();
    group.members_[membership.position] = moved;
    memberships_[moved.receiver][moved.membership].position = membership.position;
    group.members_.pop_back();
    shrink(group.members_);
}

void Receivers::remove(WebSocketConnection& connection) noexcept {
    const std::uint32_t slot = std::exchange(connection.receiver_slot, kNoSlot);
    connection.count_sent(receivers_[slot].uncounted);
    if (slot + 1 != receivers_.size()) {
        receivers_[slot] = receivers_.back();
        memberships_[slot] = std::move(memberships_.back());
        receivers_[slot].connection->receiver_slot = slot;
        for (const Membership& one : memberships_[slot]) one.group->members_[one.position].receiver = slot;
    }
    receivers_.pop_back();
    memberships_.pop_back();
    shrink(receivers_);
    shrink(memberships_);
}

void Receivers::close_gaps(Group& group) noexcept {
    std::erase_if(group.members_, [](const Group::Member& member) { return member.receiver == Group::kGap; });
    for (std::size_t i = 0; i < group.members_.size(); ++i) {
        const Group::Member& member = group.members_[i];
        memberships_[member.receiver][member.membership].position = static_cast<std::uint32_t>(i);
    }
    group.gaps_ = 0;
    shrink(group.members_);
}

}  // namespace cryo::connection
