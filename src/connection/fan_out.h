#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cryo/connection.h>

#include "connection/connection_table.h"

namespace cryo::connection {

struct LoopContext;

/// Sends the same messages to many connections of one loop.
///
/// What is published in one turn of the loop leaves at its end, with one write a receiver, straight from a compact
/// array: a receiver with nothing else to send is not looked at, so that none of its memory has to be fetched. One that
/// has bytes of its own waiting, is throttled, or speaks TLS or deflate is *busy*: each message takes its usual way,
/// within `publish`.
///
/// Order is that of the calls: a receiver that sends something by itself is first given what was published before
/// (`settle`). Receivers may come and go at any time, also from within the callbacks this leads to.
///
/// Loop thread only. Lives as long as the loop runs.
class FanOut {
public:
    /// Of one receiver, or of what each of them gets.
    struct Sent {
        std::uint64_t messages = 0, payload_bytes = 0;
        std::size_t wire_bytes = 0;

        Sent& operator+=(const Sent& other) noexcept;
        Sent operator-(const Sent& other) const noexcept;
    };

    explicit FanOut(LoopContext& context) noexcept : context_(context) {}
    FanOut(const FanOut&) = delete;
    FanOut& operator=(const FanOut&) = delete;

    /// From now on, what is published reaches it. A connection is in one FanOut at most.
    void add(WebSocketConnection& connection);
    void remove(WebSocketConnection& connection);
    std::size_t size() const noexcept { return receivers_.size(); }
    template <class Visit>
    void for_each(Visit&& visit) {
        receivers_.for_each([&](Receiver& receiver) { visit(*receiver.connection); });
    }

    /// Where a publication was called for, which says what it has to come after.
    enum class From {
        loop,  ///< Here: after what other threads have sent, also if it has not arrived.
        task,  ///< On another thread that had this posted: all of that has arrived, and what has not comes later.
    };
    void publish(const PreparedMessage& message, From from);

    // -- for the receivers --
    /// It is about to send something by itself: counts what it was sent, and gives it what it has not got yet.
    void settle(WebSocketConnection& connection);
    /// It has nothing to send any more.
    void idle(WebSocketConnection& connection) noexcept;
    /// What it was sent and has not counted.
    Sent uncounted(const WebSocketConnection& connection) const noexcept;
    /// Bytes published for it that it has not got yet.
    std::size_t pending_bytes(const WebSocketConnection& connection) const noexcept;

private:
    struct Receiver {
        WebSocketConnection* connection = nullptr;
        int descriptor = -1;
        bool busy = true;
        std::uint32_t reached = 0;  // while busy: number of the last publication it got; wraps
        // While not busy:
        std::size_t room = 0;  // bytes that it may be sent before it has to be looked at
        Sent counted{};        // of `sent_`
    };
    struct Publication {
        PreparedMessage message;
        From from;
    };
    struct Batch {
        std::vector<Publication> publications{};
        Sent sent{};

        void add(const PreparedMessage& message, From from);
        void clear() noexcept;
    };

    void attach(WebSocketConnection& connection);
    void reach_busy();
    void reach(Receiver& receiver, std::size_t index);
    std::uint32_t number_of(std::size_t index) const noexcept;
    bool has_flushed(const WebSocketConnection& connection) const noexcept;
    Sent uncounted(const Receiver& receiver) const noexcept;
    void settle(Receiver& receiver, std::size_t count);
    void catch_up(WebSocketConnection& connection, std::size_t flushing, std::size_t pending);
    void replay(const Batch& batch, std::size_t count, WebSocketConnection& connection);
    void write(const PreparedMessage& message, WebSocketConnection& connection);
    void flush();
    void gather();
    void send(Receiver& receiver);
    bool look_for_room(Receiver& receiver);
    void send_rest(Receiver& receiver, std::size_t taken);

    LoopContext& context_;
    ConnectionTable<Receiver> receivers_{&ConnectionSlots::endpoint_slot};
    Sent sent_{};                  // what a receiver has got that never was busy
    Batch pending_{};              // what those that are not busy get at the end of this turn
    Batch flushing_{};             // what they are getting
    std::vector<Bytes> pieces_{};  // of that
    std::vector<std::byte> joined_{};
    std::size_t flushed_to_ = 0;     // receivers before this slot have got it
    std::size_t reached_busy_ = 0;   // of the pending messages, how many the busy ones have got
    std::uint32_t last_number_ = 0;  // of the latest publication
    bool published_ = false;
    bool reaching_busy_ = false;
    bool is_flushing_ = false;
};

}  // namespace cryo::connection
