#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <cryo/connection.h>

#include "connection/batch.h"
#include "connection/group.h"
#include "connection/publication_queue.h"
#include "connection/receivers.h"
#include "connection/sent.h"

namespace cryo::connection {

struct LoopContext;

/// Sends the same messages to many connections of one loop: to the members of any number of groups.
///
/// What is published in one turn of the loop is queued and leaves at its end, with one write a receiver, straight from
/// the encoded frames: a receiver with nothing else to send is not looked at beyond its cache line in a compact array.
/// One that has bytes of its own waiting, is throttled, or speaks TLS or deflate is *busy*: each message takes its
/// usual way, within `publish`. So does, at the end of the turn, what a receiver gets of several groups.
///
/// Order is that of the calls. Publications are numbered, and each receiver knows how far it has got; whoever sends
/// something by itself, comes, leaves or is left out is first given what was published before.
///
/// Callbacks of the application may come from `publish`, `settle` and the end of the turn, and do there what they like.
/// What they publish is delivered when that is done.
///
/// Loop thread only.
class FanOut {
public:
    explicit FanOut(LoopContext& context) noexcept : context_(context) {}
    ~FanOut();
    FanOut(const FanOut&) = delete;
    FanOut& operator=(const FanOut&) = delete;

    // -- for groups --
    GroupPtr make_group() { return GroupPtr(new Group(*this)); }
    /// False when it is a member already, is closing, or belongs to another loop.
    bool add(Group& group, WebSocketConnection& connection);
    bool remove(Group& group, WebSocketConnection& connection);
    bool contains(const Group& group, const WebSocketConnection& connection) const noexcept;
    void publish(Group& group, const PreparedMessage& message, From from, std::span<const Connection* const> except);
    void dissolve(std::unique_ptr<Group> group) noexcept;

    // -- for the receivers: connections with a `receiver_slot` --
    /// It is about to send something by itself: counts what it was sent, and gives it what it has not got yet.
    void settle(WebSocketConnection& connection);
    /// It has nothing to send any more.
    void idle(WebSocketConnection& connection) noexcept;
    /// It is closing: leaves all groups.
    void remove(WebSocketConnection& connection) noexcept;
    /// What it was sent and has not counted.
    Sent uncounted(const WebSocketConnection& connection) const noexcept;
    /// Bytes published for it that it has not got yet.
    std::size_t pending_bytes(const WebSocketConnection& connection) const noexcept;

    bool has_pending() const noexcept { return !queue_.empty(); }
    /// What is dropped now must not be told before the next turn.
    bool defers_drops() const noexcept { return defers_drops_; }

private:
    template <class Work>
    void work(Work&& work);
    void sweep() noexcept;

    WebSocketConnection* member(const Group& group, const Connection* connection) noexcept;
    void catch_up(WebSocketConnection& connection, std::uint64_t last);
    void catch_up_quietly(WebSocketConnection& connection);
    void collect_owed(const Receiver& receiver, std::uint64_t last, std::vector<std::uint64_t>& numbers) const;
    void deliver(std::uint64_t number, WebSocketConnection& connection);
    void make_busy(Receiver& receiver) noexcept;
    void make_idle(Receiver& receiver) noexcept;

    void reach_busy();
    void reach_busy(std::uint64_t number);
    void reach(WebSocketConnection& connection, std::uint64_t number, bool after_remote_sends);

    void flush();
    void flush(Group& group, std::uint64_t last);
    bool is_owed_by_others(const Receiver& receiver, const Group& group, std::uint64_t last) const noexcept;
    void send(Receiver& receiver, std::uint64_t last);
    void send_rest(Receiver& receiver, std::size_t taken);
    bool look_for_room(Receiver& receiver);

    LoopContext& context_;
    Receivers receivers_{};
    PublicationQueue queue_{};
    Batch batch_{};                         // what a group's members are getting
    std::vector<std::uint64_t> scratch_{};  // numbers
    std::vector<std::unique_ptr<Group>> dissolved_{};
    std::uint64_t reached_busy_ = 0;  // number of the last publication that the busy ones have got
    std::uint64_t busied_ = 1;        // counts how often a receiver, or a group's member, has become busy
    unsigned depth_ = 0;              // of calls that may call back
    bool scheduled_ = false;          // for the end of the turn
    bool defers_drops_ = false;
};

}  // namespace cryo::connection
