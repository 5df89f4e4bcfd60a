#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/loop.h>

namespace cryo {

/// Connections of one loop that are sent the same messages: the members of a room, the subscribers of a topic.
///
/// A message is encoded once; members lie together in memory, and one that has nothing else to send is written to
/// without being looked at. A connection may be in any number of groups; when it begins to close it leaves them all.
///
///     auto room = cryo::ConnectionGroup::create(server.loops()[0]);
///     room->add(connection);
///     const cryo::Connection* const author[] = {&connection};
///     room->send(cryo::PreparedMessage::text("hello"), author);  // to the others
///
/// Order: a member gets what is sent to its groups and to it alone in the order of the calls on this loop. Each
/// member's own backpressure applies: one that is slow holds up nobody else, and its `dropped` handler tells what it
/// misses.
/// Thread safety: the loop's thread. Members may come and go at any time, also from within callbacks that a send leads
/// to: who leaves gets nothing sent after that, who comes nothing sent before. What such a callback sends comes after
/// the send that led to it.
/// Lifetime: destroyed on the loop's thread, also within its own `send`, or after `Server::wait`; its members stay
/// connected, and get what was sent before. It may outlive the server.
class CRYO_API ConnectionGroup {
public:
    /// Null for a loop that is no server's.
    static std::unique_ptr<ConnectionGroup> create(const LoopPtr& loop);

    virtual ~ConnectionGroup() = default;

    /// False when it is a member already, is closing, or belongs to another loop.
    virtual bool add(Connection& connection) = 0;
    /// False when it is no member.
    virtual bool remove(Connection& connection) = 0;
    virtual bool contains(const Connection& connection) const noexcept = 0;
    virtual std::size_t size() const noexcept = 0;

    /// Sends to every member, but not to those in `except`, which may hold non-members and null; leaves at the end of
    /// this turn at the latest.
    virtual void send(const PreparedMessage& message, std::span<const Connection* const> except = {}) = 0;
};

}  // namespace cryo
