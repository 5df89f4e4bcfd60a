// Handlers that act while a broadcast is delivered.

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "fan_out_fixture.h"

namespace cryo::test {
namespace {

/// One receiver that drops, among others that take the direct way, before and after it.
class FanOutReentrancy : public FanOut {
protected:
    void start_dropping(std::function<void(Connection&)> first_drop) {
        WebSocketHandlers handlers;
        handlers.dropped = [this, act = std::move(first_drop)](Connection& self, const DroppedMessage& message) {
            told_ += message.count;
            if (!std::exchange(acted_, true)) act(self);
        };
        start(std::move(handlers), small_options());
    }

    bool acted_ = false;
    std::atomic<std::size_t> told_{0};
};

TEST_F(FanOutReentrancy, BroadcastsClosesAndDestroysOthersInTheTurnsEnd) {
    std::vector<ConnectionPtr> to_close, to_destroy;
    start_dropping([&](Connection&) {
        broadcast("nested");
        for (const auto& connection : to_close) connection->close(4000);
        for (const auto& connection : to_destroy) connection->destroy();
        broadcast("nested too");
    });
    Peer first = join(), first_closed = join(), first_cut = join(), slow = join({}, 4096), last_closed = join(),
         last_cut = join(), last = join();
    warm_up(first, first_closed, first_cut, slow, last_closed, last_cut, last);
    to_close = {first_closed.connection, last_closed.connection};
    to_destroy = {first_cut.connection, last_cut.connection};
    almost_throttle(slow);
    on_loop(*slow.connection, [&] { broadcast_numbered(50); });
    for (Peer* peer : {&first, &last}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"nested", "nested too"});
    }
    for (Peer* peer : {&first_closed, &last_closed}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"nested"});
        EXPECT_EQ(peer->client.next().value().close_code(), 4000);
    }
    EXPECT_FALSE(last_cut.connection->is_open());
    const auto stats = slow.stats();
    EXPECT_EQ(told_, stats.messages_dropped);
    EXPECT_TRUE(stats.throttled);
    EXPECT_EQ(endpoint_->connection_count(), 3u);
}

TEST_F(FanOutReentrancy, BroadcastsWithinABroadcastOfAThrottledReceiver) {
    ConnectionPtr other_closed;
    start_dropping([&](Connection& self) {
        broadcast("nested");
        other_closed->close(4000);
        self.destroy();
        broadcast("nested too");
    });
    Peer first = join(), slow = join({}, 4096), closed = join(), last = join();
    warm_up(first, slow, closed, last);
    other_closed = closed.connection;
    on_loop(*slow.connection, [&] {
        while (!slow.connection->stats().throttled) slow.connection->send_text(numbered(0));
        for (int i = 0; i < 20; ++i) slow.connection->send_text("queued");
        broadcast("outer");
        broadcast("end");
    });
    for (Peer* peer : {&first, &last}) expect(*peer, {"outer", "nested", "nested too", "end"});
    expect(closed, {"outer", "nested"});
    EXPECT_EQ(closed.client.next().value().close_code(), 4000);
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOutReentrancy, AReceiverEndsWhileWhatItMissedIsMadeUpForBeforeASendOfAnotherThread) {
    start_dropping([](Connection& self) { self.destroy(); });
    Peer first = join(), slow = join({}, 4096), last = join();
    warm_up(first, slow, last);
    almost_throttle(slow);
    std::promise<void> begun, sent;
    std::thread sender([&] {
        begun.get_future().wait();
        slow.connection->send_text("of another thread");
        sent.set_value();
    });
    on_loop(*first.connection, [&] {
        broadcast_numbered(50);
        begun.set_value();
        sent.get_future().wait();
        broadcast("end");
    });
    sender.join();
    for (Peer* peer : {&first, &last}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"end"});
    }
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOutReentrancy, AnOwnSendThatMakesItsReceiverCloseIsRefused) {
    start_dropping([](Connection& self) { self.close(4000, "too slow"); });
    Peer slow = join({}, 4096);
    warm_up(slow);
    almost_throttle(slow);
    on_loop(*slow.connection, [&] {
        broadcast_numbered(50);
        EXPECT_EQ(slow.connection->send_text("own"), SendStatus::closed);
        slow.connection->send_text("too late");
    });
    for (;;) {
        const auto got = slow.client.next();
        ASSERT_TRUE(got);
        if (got->opcode == kClose) break;
        EXPECT_EQ(got->payload.size() / 1024, 1u) << *got;
    }
    slow.client.send_close(4000);
    EXPECT_EQ(events_.closed.next(), (Ended{4000, "too slow", false}));
}

TEST_F(FanOutReentrancy, ACloseThatMakesItsReceiverBeDestroyedDoesNotBringItBack) {
    start_dropping([](Connection& self) { self.destroy(); });
    Peer slow = join({}, 4096);
    warm_up(slow);
    almost_throttle(slow);
    on_loop(*slow.connection, [&] {
        broadcast_numbered(50);
        slow.connection->close(4000, "too late");
    });
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOut, ADrainHandlerMayBroadcastSendAndClose) {
    WebSocketHandlers handlers;
    handlers.drain = [this](Connection& self) {
        broadcast("drained");
        self.send_text("own");
        self.close(4000);
    };
    start(std::move(handlers), small_options());
    Peer slow = join({}, 4096), other = join();
    warm_up(slow, other);
    int sent = 0;
    on_loop(*slow.connection, [&] {
        for (; !slow.connection->stats().throttled; ++sent) slow.connection->send_text(numbered(sent));
    });
    expect_numbered(slow, sent);
    expect(slow, {"drained", "own"});
    EXPECT_EQ(slow.client.next().value().close_code(), 4000);
    expect(other, {"drained"});
}

TEST_F(FanOut, AClosedHandlerMayBroadcastAlsoWhenTheServerStops) {
    auto handlers = events_.handlers();
    handlers.closed = [this](Connection&, const CloseEvent&) { broadcast("left"); };
    server_.emplace();
    endpoint_ = (*server_)->websocket("/ws", std::move(handlers)).value();
    server_->start();
    Peer leaving = join(), reset = join(), other = join();
    warm_up(leaving, reset, other);
    broadcast("before");
    expect(leaving, {"before"});
    leaving.client.send_close(1000);
    EXPECT_EQ(leaving.client.next_close(), 1000);
    expect(other, {"before", "left"});
    reset.client.socket().reset();
    expect(other, {"left"});
    server_.reset();
    EXPECT_FALSE(other.connection->is_open());
}

}  // namespace
}  // namespace cryo::test
