// Peers that take nothing of what waits for them, and user code that throws where no handler is around it.

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>

#include "endpoint_fixture.h"

namespace cryo::test {
namespace {

class SlowPeer : public EndpointTest {
protected:
    static ServerOptions options() {
        auto options = TestServer::quick_options();
        options.keepalive_interval = 100ms;
        options.backpressure.high_water_mark = 64u << 10;
        options.backpressure.low_water_mark = 8u << 10;
        return options;
    }

    static void fill(Connection& connection) {
        on_loop(connection, [&] {
            while (!connection.stats().throttled) connection.send_binary(as_bytes(std::string(4096, 'x')));
        });
    }
};

TEST_F(SlowPeer, WhoTakesNothingIsCutAlsoWhileTheApplicationDoesNotReadIt) {
    start({}, options());
    WsClient client(server_->port(), "/ws", {}, {.timeout = kPatience, .receive_buffer = 4096});
    const auto connection = opened();
    connection->pause_reading();
    fill(*connection);
    const auto ended = events_.closed.next();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->code, 1006);
    EXPECT_EQ((*server_)->stats().heartbeat_timeouts, 1u);
}

TEST_F(SlowPeer, WhoIsOnlyNotReadStays) {
    start({}, options());
    auto unread = connect();
    const auto connection = opened();
    connection->pause_reading();
    auto silent = connect();
    const auto other = opened();
    ASSERT_TRUE(events_.closed.next());
    EXPECT_FALSE(other->is_open()) << "who is read and says nothing is cut; that takes two heartbeats";
    EXPECT_TRUE(connection->is_open());
}

TEST_F(SlowPeer, ADroppedHandlerMaySendAgain) {
    auto small = options();
    small.backpressure.max_queue_count = 2;
    std::atomic<int> told{0};
    WebSocketHandlers handlers;
    handlers.dropped = [&](Connection& self, const DroppedMessage&) {
        if (++told < 100) self.send_text("again");
    };
    start(std::move(handlers), small);
    WsClient client(server_->port(), "/ws", {}, {.timeout = kPatience, .receive_buffer = 4096});
    const auto connection = opened();
    fill(*connection);
    for (int i = 0; i < 3; ++i) connection->send_text("more");
    EXPECT_TRUE(eventually([&] { return told == 100; }));
}

TEST_F(SlowPeer, BroadcastsThatALoopCannotTakeAreBoundedAndTold) {
    auto small = options();
    small.backpressure.max_queued_bytes = 64u << 10;
    std::atomic<std::uint64_t> told{0};
    start({.dropped = [&](Connection&, const DroppedMessage& message) { told += message.count; }}, small);
    auto client = connect();
    const auto connection = opened();
    std::promise<void> held, released;
    connection->post([&] {
        held.set_value();
        released.get_future().wait();
    });
    held.get_future().wait();
    const auto message = PreparedMessage::text(std::string(1024, 'b'));
    for (int i = 0; i < 1000; ++i) endpoint_->broadcast(message);
    released.set_value();
    ASSERT_TRUE(eventually([&] { return told > 0; }));
    EXPECT_GT(told, 800u);
    EXPECT_LT(told, 1000u);
    EXPECT_EQ(told, (*server_)->stats().dropped_messages);
    for (std::uint64_t i = told; i < 1000; ++i) ASSERT_EQ(client.next().value().payload.size(), 1024u);
}

TEST_F(SlowPeer, PausingForEveryMessageLosesNothingAndPilesUpNothing) {
    std::atomic<int> received{0};
    WebSocketHandlers handlers;
    handlers.text = [&](Connection& self, std::string_view text) {
        EXPECT_EQ(text, std::to_string(received++));
        self.pause_reading();
        self.post([connection = self.shared_from_this()] { connection->resume_reading(); });
    };
    start(std::move(handlers));
    auto client = connect();
    std::string all;
    for (int i = 0; i < 5000; ++i) all += frame(kText, std::to_string(i));
    client.send(all);
    EXPECT_TRUE(eventually([&] { return received == 5000; }));
}

TEST_F(SlowPeer, APostedTaskThatThrowsIsFenced) {
    start();
    auto client = connect();
    const auto connection = opened();
    connection->post([] { throw std::runtime_error("posted"); });
    EXPECT_EQ(on_loop(*connection, [] { return 7; }), 7);
    EXPECT_EQ((*server_)->stats().handler_exceptions, 1u);
    client.send_text("still here");
    EXPECT_EQ(client.next().value().payload, "still here");
}

}  // namespace
}  // namespace cryo::test
