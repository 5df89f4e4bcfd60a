// Closing and destroying a connection from inside each of its callbacks.

#include <array>

#include "endpoint_fixture.h"

namespace cryo::test {
namespace {

enum class Action { close, destroy, close_and_destroy, fail };

class EndpointReentrancy : public ::testing::TestWithParam<Action> {
protected:
    /// An endpoint whose callback `where` acts on its connection.
    void start(const std::string& where) {
        auto options = TestServer::quick_options();
        options.backpressure = {.high_water_mark = 64u << 10,
                                .low_water_mark = 8u << 10,
                                .max_queued_bytes = 40u << 10,
                                .max_queue_count = 20};
        const auto act_in = [&where](const char* name) {
            return [acts = where == name](Connection& self, const auto&...) {
                if (acts) act(self);
            };
        };
        WebSocketHandlers handlers;
        handlers.open = act_in("open");
        handlers.text = [this, handler = act_in("text")](Connection& self, std::string_view text) {
            if (text != "pause") return handler(self);
            self.pause_reading();
            paused_ = true;
        };
        handlers.drain = act_in("drain");
        handlers.dropped = [this, handler = act_in("dropped")](Connection& self, const DroppedMessage& message) {
            EXPECT_EQ(closed_, 0) << "a drop after the end";
            handler(self, message);
        };
        handlers.closed = [this, handler = act_in("closed")](Connection& self, const CloseEvent& event) {
            ++closed_;
            handler(self, event);
        };
        server_.emplace(options);
        handlers.open = [this, open = handlers.open](Connection& self) {
            opened_.push(self.shared_from_this());
            open(self);
        };
        ASSERT_TRUE((*server_)->websocket("/ws", std::move(handlers)));
        server_->start();
    }

    static void act(Connection& self) {
        switch (GetParam()) {
            case Action::close:
                return self.close(4000);
            case Action::destroy:
                return self.destroy();
            case Action::close_and_destroy:
                self.close(4000);
                return self.destroy();
            case Action::fail:
                throw std::runtime_error("a handler failed");
        }
    }

    WsClient connect(int receive_buffer = 0) {
        return WsClient(server_->port(), "/ws", {}, {.timeout = kPatience, .receive_buffer = receive_buffer});
    }

    /// Fills the connection, so that what comes next is queued.
    static void throttle(Connection& connection) {
        while (!connection.stats().throttled) connection.send_text(std::string(1024, 'x'));
    }

    void expect_one_end(Connection& connection) {
        EXPECT_TRUE(eventually([&] { return closed_ == 1; }));
        EXPECT_FALSE(connection.is_open());
        server_.reset();
        EXPECT_EQ(closed_, 1);
    }

    std::atomic<int> closed_{0};
    std::atomic<bool> paused_{false};
    Inbox<ConnectionPtr> opened_;
    std::optional<TestServer> server_;
};

TEST_P(EndpointReentrancy, InOpen) {
    start("open");
    HttpClient client(server_->port());
    client.send(WsClient::request("/ws") + frame(kText, "early"));
    const auto connection = opened_.next().value();
    client.socket().finish_sending();
    expect_one_end(*connection);
}

TEST_P(EndpointReentrancy, InText) {
    start("text");
    auto client = connect();
    client.send(frame(kText, "first") + frame(kText, "second") + close_frame(1000));
    expect_one_end(*opened_.next().value());
}

TEST_P(EndpointReentrancy, InTextThatWasHeldBack) {
    start("text");
    auto client = connect();
    const auto connection = opened_.next().value();
    client.send(frame(kText, "pause") + frame(kText, "first") + frame(kText, "second") + close_frame(1000));
    EXPECT_TRUE(eventually([&] { return paused_.load(); }));
    connection->resume_reading();
    expect_one_end(*connection);
}

TEST_P(EndpointReentrancy, InDrain) {
    start("drain");
    auto client = connect(4096);
    const auto connection = opened_.next().value();
    on_loop(*connection, [&] {
        throttle(*connection);
        connection->send_text("queued");
    });
    while (client.next()) {
    }
    client.socket().close();
    expect_one_end(*connection);
}

/// One big message pushes out several small ones: each is reported, and the first report ends the connection.
TEST_P(EndpointReentrancy, InDropped) {
    start("dropped");
    auto client = connect(4096);
    const auto connection = opened_.next().value();
    on_loop(*connection, [&] { throttle(*connection); });
    for (int i = 0; i < 20; ++i) connection->send_text(std::string(1000, 's'));
    connection->send_text(std::string(39'000, 'b'));
    EXPECT_TRUE(eventually([&] { return !connection->is_open(); }));
    client.socket().close();
    expect_one_end(*connection);
}

/// The same while the queue is being thrown away.
TEST_P(EndpointReentrancy, InDroppedAtTheEnd) {
    start("dropped");
    auto client = connect(4096);
    const auto connection = opened_.next().value();
    on_loop(*connection, [&] { throttle(*connection); });
    for (int i = 0; i < 20; ++i) connection->send_text(std::string(1000, 's'));
    client.send_close();
    client.socket().close();
    expect_one_end(*connection);
}

TEST_P(EndpointReentrancy, InClosed) {
    start("closed");
    auto client = connect();
    client.send_close();
    expect_one_end(*opened_.next().value());
}

std::string action_name(const ::testing::TestParamInfo<Action>& info) {
    constexpr std::array<const char*, 4> kNames{"Close", "Destroy", "CloseAndDestroy", "Throw"};
    return kNames.at(static_cast<std::size_t>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Actions, EndpointReentrancy,
                         ::testing::Values(Action::close, Action::destroy, Action::close_and_destroy, Action::fail),
                         action_name);

}  // namespace
}  // namespace cryo::test
