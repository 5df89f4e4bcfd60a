// The cases that the codec is tested with, against an echo endpoint on a socket.

#include <algorithm>
#include <random>

#include "endpoint_fixture.h"
#include "support/ws_cases.h"

namespace cryo::test {
namespace {

class WebSocketCases : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto options = TestServer::quick_options();
        options.deflate.enabled = true;
        options.max_message_bytes = kCaseMaxMessageBytes;
        options.close_timeout = kPatience;  // a slow machine still reads the Close frame
        server_ = std::make_unique<TestServer>(options);
        ASSERT_TRUE((*server_)->websocket("/echo", echo_handlers()));
        server_->start();
    }
    static void TearDownTestSuite() { server_.reset(); }

    static bool has_ended(const WsCase& test) {
        return std::ranges::any_of(test.expected, [](const WsEvent& event) {
            return event.kind == WsEvent::Kind::close || event.kind == WsEvent::Kind::failure;
        });
    }

    /// Sends the bytes of the case with `deliver`, then a Close frame unless the case has one, and compares the
    /// answers.
    template <class Deliver>
    static void expect_replies(const WsCase& test, Deliver deliver) {
        WsClient client(server_->port(), "/echo",
                        test.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
        ASSERT_TRUE(client.connected()) << test.name;
        deliver(client, std::string_view(test.client_bytes));
        auto replies = echo_replies(test);
        if (!has_ended(test)) {
            client.send_close(1000);
            replies.push_back({kClose, close_payload(1000)});
        }
        for (const auto& expected : replies) {
            auto got = client.next();
            ASSERT_TRUE(got) << test.name << " " << client.error();
            if (got->opcode == kClose) got->payload.resize(std::min<std::size_t>(got->payload.size(), 2));
            EXPECT_EQ(int{got->opcode}, int{expected.opcode}) << test.name;
            EXPECT_TRUE(got->payload == expected.payload) << test.name << ": " << *got;
        }
        EXPECT_TRUE(client.at_end()) << test.name;
    }

    static void send_whole(WsClient& client, std::string_view bytes) { client.send(bytes); }

    static void send_byte_by_byte(WsClient& client, std::string_view bytes) {
        for (const char& byte : bytes) client.send({&byte, 1});
    }

    static std::unique_ptr<TestServer> server_;
};

std::unique_ptr<TestServer> WebSocketCases::server_;

TEST_F(WebSocketCases, Whole) {
    for (const auto& test : ws_cases()) expect_replies(test, send_whole);
}

TEST_F(WebSocketCases, ByteByByte) {
    for (const auto& test : ws_cases()) {
        if (test.client_bytes.size() <= 1024) expect_replies(test, send_byte_by_byte);
    }
}

TEST_F(WebSocketCases, AtRandomCuts) {
    std::minstd_rand random(1);
    const auto send_in_pieces = [&](WsClient& client, std::string_view bytes) {
        const auto most = std::max<std::size_t>(16, bytes.size() / 32);
        while (!bytes.empty()) {
            const auto piece = bytes.substr(0, 1 + random() % most);
            client.send(piece);
            bytes.remove_prefix(piece.size());
        }
    };
    for (const auto& test : ws_cases()) expect_replies(test, send_in_pieces);
}

/// All cases that go well, one after the other, on one connection.
TEST_F(WebSocketCases, OneConnection) {
    WsClient client(server_->port(), "/echo");
    ASSERT_TRUE(client.connected());
    for (const auto& test : ws_cases()) {
        if (test.deflate || has_ended(test)) continue;
        client.send(test.client_bytes);
        for (const auto& expected : echo_replies(test)) {
            const auto got = client.next();
            ASSERT_TRUE(got) << test.name << " " << client.error();
            EXPECT_TRUE(got->opcode == expected.opcode && got->payload == expected.payload)
                << test.name << ": " << *got;
        }
    }
    client.send_close(1000);
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_TRUE(client.at_end());
}

}  // namespace
}  // namespace cryo::test
