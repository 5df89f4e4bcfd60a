// The Connection interface.

#include <array>
#include <set>
#include <thread>

#include "endpoint_fixture.h"

namespace cryo::test {
namespace {

// -- mounting --------------------------------------------------------------------------------------------------------

TEST_F(EndpointTest, MountingNamesWhatIsWrong) {
    TestServer server;
    ASSERT_TRUE(server->websocket("/a", {}));
    EXPECT_EQ(server->websocket("/a", {}).error().code, Errc::duplicate);
    EXPECT_EQ(server->websocket("a", {}).error().code, Errc::invalid_argument);
    EXPECT_EQ(server->websocket("/b", {.subprotocols = {"not a token"}}).error().code, Errc::invalid_argument);
    server.start();
    EXPECT_EQ(server->websocket("/c", {}).error().code, Errc::wrong_state);
    WsClient client(server.port(), "/a");
    ASSERT_TRUE(client.connected());
    client.send_text("nobody listens");
    client.send_close();
    EXPECT_EQ(client.next_close(), 1000);
}

TEST_F(EndpointTest, ChoosesTheSubprotocolItPrefers) {
    auto handlers = echo_handlers();
    handlers.subprotocols = {"v2", "v1"};
    start(std::move(handlers));
    const std::pair<std::string, std::string> cases[] = {{"v1, v2", "v2"}, {"v1", "v1"},
                                                         {"v3,v1", "v1"},  {"v1\r\nSec-WebSocket-Protocol: v2", "v2"},
                                                         {"V2", ""},       {"x", ""}};
    for (const auto& [offered, chosen] : cases) {
        auto client = connect("Sec-WebSocket-Protocol: " + offered + "\r\n");
        ASSERT_TRUE(client.connected());
        EXPECT_EQ(client.answer().header("Sec-WebSocket-Protocol"), chosen) << offered;
        EXPECT_EQ(opened()->subprotocol(), chosen);
    }
}

// -- sending ---------------------------------------------------------------------------------------------------------

TEST_F(EndpointTest, SendSaysWhatBecameOfTheMessage) {
    start();
    auto client = connect();
    const auto connection = opened();
    EXPECT_EQ(on_loop(*connection, [&] { return connection->send_text("from the loop"); }), SendStatus::sent);
    EXPECT_EQ(client.next(kText), "from the loop");
    EXPECT_EQ(connection->send_binary(as_bytes("from outside")), SendStatus::queued);
    EXPECT_EQ(client.next(kBinary), "from outside");
    EXPECT_EQ(connection->send(PreparedMessage::text("prepared")), SendStatus::queued);
    EXPECT_EQ(client.next(kText), "prepared");
    EXPECT_EQ(on_loop(*connection,
                      [&] {
                          connection->close();
                          return connection->send_text("too late");
                      }),
              SendStatus::closed);
    EXPECT_EQ(connection->send_text("too late"), SendStatus::closed);
    EXPECT_EQ(client.next_close(), 1000);
}

TEST_F(EndpointTest, KeepsTheOrderOfEachThread) {
    start();
    auto client = connect();
    const auto connection = opened();
    constexpr int kThreads = 4, kMessages = 500;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int n = 0; n < kMessages; ++n) connection->send_text(std::to_string(t) + " " + std::to_string(n));
        });
    }
    std::array<int, kThreads> next{};
    for (int i = 0; i < kThreads * kMessages; ++i) {
        const auto text = client.next(kText);
        ASSERT_TRUE(text);
        const int thread = std::stoi(*text);
        EXPECT_EQ(std::stoi(text->substr(2)), next.at(static_cast<std::size_t>(thread))++);
    }
    for (auto& thread : threads) thread.join();
}

TEST_F(EndpointTest, KeepsTheOrderOfSendsThatFollowEachOther) {
    start();
    auto client = connect();
    const auto connection = opened();
    constexpr int kMessages = 400;
    std::atomic<int> turn{0};
    // Even numbers from outside, odd ones from the loop, each after the other; the loop does nothing else meanwhile.
    const auto send_own = [&](int parity) {
        for (int n = parity; n < kMessages; n += 2) {
            while (turn != n) std::this_thread::yield();
            connection->send_text(std::to_string(n));
            turn = n + 1;
        }
    };
    connection->post([&] { send_own(1); });
    send_own(0);
    for (int n = 0; n < kMessages; ++n) ASSERT_EQ(client.next(kText), std::to_string(n));
}

TEST_F(EndpointTest, CloseComesBehindWhatWasSent) {
    start();
    const std::string big(1u << 20, 'b');
    const auto send_and_close = [&](Connection& connection) {
        for (int i = 0; i < 10; ++i) connection.send_text(std::to_string(i));
        connection.send_binary(as_bytes(big));
        connection.close(1000, "done");
        connection.close(1001, "only the first counts");
        connection.send_text("too late");
    };
    const auto expect_all = [&](WsClient& client) {
        for (int i = 0; i < 10; ++i) EXPECT_EQ(client.next(kText), std::to_string(i));
        EXPECT_TRUE(client.next(kBinary) == big);
        EXPECT_EQ(client.next(kClose), close_payload(1000, "done"));
    };
    auto first = connect();
    send_and_close(*opened());
    expect_all(first);
    auto second = connect();
    const auto connection = opened();
    on_loop(*connection, [&] { send_and_close(*connection); });
    expect_all(second);
}

// -- the end ---------------------------------------------------------------------------------------------------------

TEST_F(EndpointTest, CloseMakesCodesAndReasonsFitTheWire) {
    start();
    std::string long_reason;
    for (int i = 0; i < 100; ++i) long_reason += "\xc3\xa9";
    const std::tuple<int, std::string, int, std::string> cases[] = {
        {1000, std::string(123, 'x'), 1000, std::string(123, 'x')},
        {4999, std::string(124, 'x'), 4999, std::string(123, 'x')},
        {3000, long_reason, 3000, long_reason.substr(0, 122)},
        {1000, "not text \xff", 1000, ""},
        {0, "", 1000, ""},
        {999, "", 1000, ""},
        {1004, "", 1000, ""},
        {1005, "", 1000, ""},
        {1006, "", 1000, ""},
        {1015, "", 1000, ""},
        {2999, "", 1000, ""},
        {5000, "", 1000, ""},
    };
    for (const auto& [code, reason, sent_code, sent_reason] : cases) {
        auto client = connect();
        opened()->close(static_cast<std::uint16_t>(code), reason);
        EXPECT_EQ(client.next(kClose), close_payload(static_cast<std::uint16_t>(sent_code), sent_reason)) << code;
        client.send_close();
        EXPECT_EQ(events_.closed.next(), (Ended{sent_code, sent_reason, false}));
    }
}

TEST_F(EndpointTest, DestroyCutsWithoutAFarewell) {
    start();
    auto client = connect();
    const auto connection = opened();
    connection->destroy();
    EXPECT_FALSE(client.next());
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
    EXPECT_FALSE(connection->is_open());
    EXPECT_EQ(connection->send_text("gone"), SendStatus::closed);
}

TEST_F(EndpointTest, HandlesOutliveSocketAndServer) {
    start();
    auto client = connect();
    const auto connection = opened();
    const auto use = [&] {
        EXPECT_FALSE(connection->is_open());
        EXPECT_EQ(connection->send_text("x"), SendStatus::closed);
        EXPECT_EQ(connection->send(PreparedMessage::binary(as_bytes("x"))), SendStatus::closed);
        EXPECT_EQ(connection->remote_address(), "127.0.0.1");
        connection->pause_reading();
        connection->resume_reading();
        connection->close();
        connection->destroy();
    };
    client.socket().reset();
    ASSERT_TRUE(events_.closed.next());
    use();
    EXPECT_EQ(on_loop(*connection, [&] { return connection->stats().messages_sent; }), 0u);
    server_.reset();
    use();
    EXPECT_FALSE(connection->post([] {}));
    EXPECT_EQ(events_.closed.size(), 0u);
}

TEST_F(EndpointTest, ClosedComesOnceForEachOpen) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    start(echo_handlers(), options);
    std::vector<WsClient> clients;
    std::vector<ConnectionPtr> connections;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(connect());
        ASSERT_TRUE(clients.back().connected());
        connections.push_back(opened());
    }
    std::set<std::uint64_t> ids;
    for (const auto& connection : connections) ids.insert(connection->id());
    EXPECT_EQ(ids.size(), connections.size());
    EXPECT_EQ(endpoint_->connection_count(), 40u);
    for (std::size_t i = 0; i < 40; ++i) {
        switch (i % 8) {
            case 0:
                clients[i].socket().reset();
                break;
            case 1:
                clients[i].send_close();
                break;
            case 2:
                clients[i].send(frame(3, ""));
                break;
            case 3:
                connections[i]->destroy();
                break;
            case 4:
                connections[i]->close();
                break;
            case 5:
                connections[i]->close(), clients[i].send_close(), connections[i]->destroy();
                break;
            default:
                break;  // open until the server stops, and deaf to its Close
        }
    }
    server_.reset();
    EXPECT_EQ(events_.closed.size(), 40u);
    for (const auto& connection : connections) EXPECT_FALSE(connection->is_open());
}

TEST_F(EndpointTest, HandlersThatThrowCloseWith1011) {
    std::atomic<bool> open_throws{false};
    WebSocketHandlers handlers;
    handlers.open = [&](Connection&) {
        if (open_throws) throw std::runtime_error("open");
    };
    handlers.text = [](Connection&, std::string_view) { throw std::runtime_error("text"); };
    handlers.binary = [](Connection&, Bytes) { throw 42; };
    start(std::move(handlers));
    auto text = connect();
    text.send_text("x");
    EXPECT_EQ(text.next_close(), 1011);
    auto binary = connect();
    binary.send_binary("x");
    EXPECT_EQ(binary.next_close(), 1011);
    open_throws = true;
    EXPECT_EQ(connect().next_close(), 1011);
    EXPECT_EQ((*server_)->stats().handler_exceptions, 3u);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(events_.closed.next());
}

TEST_F(EndpointTest, ExceptionsOfTheLastHandlerAreCountedToo) {
    TestServer server;
    Inbox<std::string> errors;
    server->on_error([&](const Error& error) { errors.push(error.message); });
    ASSERT_TRUE(server->websocket(
        "/ws", {.closed = [](Connection&, const CloseEvent&) { throw std::runtime_error("from closed"); }}));
    server.start();
    WsClient client(server.port(), "/ws");
    client.send_close();
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_EQ(errors.next(), "closed threw: from closed");
    EXPECT_EQ(server->stats().handler_exceptions, 1u);
}

// -- reading ---------------------------------------------------------------------------------------------------------

TEST_F(EndpointTest, DeliversNothingWhilePausedAndLosesNothing) {
    std::atomic<int> received{0};
    std::atomic<bool> in_order{true};
    WebSocketHandlers handlers;
    handlers.text = [&](Connection& self, std::string_view text) {
        if (std::stoi(std::string(text)) != received++) in_order = false;
        if (received == 3) self.pause_reading();  // in the middle of what was read
    };
    start(std::move(handlers));
    auto client = connect();
    const auto connection = opened();
    constexpr int kMessages = 60'000;
    std::thread sender([&] {
        std::string batch;
        for (int i = 0; i < kMessages; ++i) {
            batch += frame(kText, std::to_string(i) + std::string(200, ' '));
            if (batch.size() > 60'000) client.send(std::exchange(batch, {}));
        }
        client.send(batch);
    });
    EXPECT_TRUE(eventually([&] { return received == 3; }));
    for (int i = 0; i < 100; ++i) on_loop(*connection, [] {});
    EXPECT_EQ(received, 3);
    connection->pause_reading();  // one resume ends both
    connection->resume_reading();
    EXPECT_TRUE(eventually([&] { return received == kMessages; }));
    EXPECT_TRUE(in_order);
    sender.join();
}

TEST_F(EndpointTest, TheClosingHandshakeWorksWhilePaused) {
    start();
    auto client = connect();
    const auto connection = opened();
    connection->pause_reading();
    connection->close(4000, "paused");
    EXPECT_EQ(client.next_close(), 4000);
    client.send_close(4000);
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(events_.closed.next(), (Ended{4000, "paused", false}));
}

TEST_F(EndpointTest, CountsWhatItCarries) {
    start();
    auto client = connect();
    const auto connection = opened();
    client.send_text("four");
    client.send_binary("sixsix");
    client.send_ping("not a message");
    EXPECT_EQ(client.next(kText), "four");
    EXPECT_EQ(client.next(kBinary), "sixsix");
    EXPECT_EQ(client.next(kPong), "not a message");
    const auto stats = on_loop(*connection, [&] { return connection->stats(); });
    EXPECT_EQ(stats.messages_received, 2u);
    EXPECT_EQ(stats.bytes_received, 10u);
    EXPECT_EQ(stats.messages_sent, 2u);
    EXPECT_EQ(stats.bytes_sent, 10u);
    EXPECT_EQ(stats.messages_dropped, 0u);
    EXPECT_FALSE(stats.throttled);
    EXPECT_EQ((*server_)->stats().upgrades, 1u);
    EXPECT_EQ((*server_)->stats().connections, 1u);
}

}  // namespace
}  // namespace cryo::test
