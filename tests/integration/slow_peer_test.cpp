// Peers that take nothing of what waits for them, and user code that throws where no handler is around it.

#include <stdexcept>

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
