// One message to many connections.

#include <thread>

#include "endpoint_fixture.h"
#include "support/ws_cases.h"

namespace cryo::test {
namespace {

class EndpointBroadcast : public EndpointTest {};

TEST_F(EndpointBroadcast, BroadcastsReachAllLoopsFromEverywhere) {
    auto handlers = echo_handlers();
    handlers.text = [this](Connection&, std::string_view text) { endpoint_->broadcast(PreparedMessage::text(text)); };
    auto options = TestServer::quick_options();
    options.threads = 3;
    options.deflate.enabled = true;
    start(std::move(handlers), options);
    std::vector<WsClient> clients;
    for (int i = 0; i < 30; ++i) {
        clients.push_back(connect(i % 3 == 0 ? ""
                                  : i % 3 == 1
                                      ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                      : "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n"));
        ASSERT_TRUE(clients.back().connected());
        opened();
    }
    const std::string long_text = cases::prose(100'000);
    const std::string noise = [] {
        std::string data(50'000, '\0');
        std::uint32_t state = 1;
        for (char& c : data) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
        return data;
    }();
    clients[7].send_text("from a handler");
    for (auto& client : clients) EXPECT_EQ(client.next(kText), "from a handler");
    endpoint_->broadcast(PreparedMessage::text(long_text));
    endpoint_->broadcast(PreparedMessage::binary(as_bytes(noise)));
    endpoint_->broadcast(PreparedMessage::text(""));
    for (std::size_t i = 0; i < clients.size(); ++i) {
        const auto text = clients[i].next();
        ASSERT_TRUE(text) << clients[i].error();
        EXPECT_TRUE(text->payload == long_text);
        EXPECT_EQ(text->compressed, i % 3 != 0);
        EXPECT_TRUE(clients[i].next(kBinary) == noise);
        EXPECT_EQ(clients[i].next(kText), "");
    }
}

TEST_F(EndpointBroadcast, OnePreparedMessageFromManyThreadsToManyConnections) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    options.deflate.enabled = true;
    options.deflate.server_context_takeover = true;
    start(echo_handlers(), options);
    const auto message = PreparedMessage::text(cases::prose(20'000));
    std::vector<WsClient> clients;
    std::vector<ConnectionPtr> connections;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect(i % 2 == 0 ? "" : "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        connections.push_back(opened());
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10; ++n) {
                for (const auto& connection : connections) connection->send(message);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (auto& client : clients) {
        for (int n = 0; n < 30; ++n) ASSERT_TRUE(client.next(kText) == as_text(message.payload())) << client.error();
    }
}

TEST_F(EndpointBroadcast, MembersMayLeaveWhileABroadcastGoesRound) {
    WebSocketHandlers handlers;
    Inbox<ConnectionPtr> joined;
    handlers.text = [&](Connection&, std::string_view) {
        endpoint_->broadcast(PreparedMessage::text("before"));
        while (joined.size() > 0) (*joined.next())->destroy();
        endpoint_->broadcast(PreparedMessage::text("to nobody"));
    };
    start(std::move(handlers));
    std::vector<WsClient> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(connect());
        joined.push(opened());
    }
    clients[3].send_text("go");
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(events_.closed.next());
    EXPECT_EQ(endpoint_->connection_count(), 0u);
    EXPECT_TRUE(connect().connected());
}

}  // namespace
}  // namespace cryo::test
