#include "endpoint_fixture.h"
#include "support/tls_certificate.h"

namespace cryo::test {
namespace {

/// An echo endpoint with events, that closes itself when it is told to.
class WebSocketWire : public ::testing::Test {
protected:
    void start(ServerOptions options = TestServer::quick_options()) {
        server_.emplace(std::move(options));
        auto handlers = echo_handlers();
        handlers.text = [this](Connection& self, std::string_view text) {
            ++texts_;
            if (text == "close") return self.close(4321, "as you wish");
            self.send_text(text);
        };
        ASSERT_TRUE((*server_)->websocket("/echo", events_.handlers(std::move(handlers))));
        server_->start();
    }

    WsClient connect(std::string_view lines = {}) { return WsClient(server_->port(), "/echo", lines); }

    std::atomic<int> texts_{0};
    EndpointEvents events_;
    std::optional<TestServer> server_;
};

// -- closing, RFC 6455 7 ---------------------------------------------------------------------------------------------

TEST_F(WebSocketWire, AnswersACloseAndEndsTheStream) {
    start();
    auto client = connect();
    client.send_close(3456, "bye");
    const auto reply = client.next();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->opcode, kClose);
    EXPECT_EQ(reply->close_code(), 3456);
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(events_.closed.next(), (Ended{3456, "bye", true}));
}

TEST_F(WebSocketWire, AnswersACloseWithoutCodeWithOneWithoutCode) {
    start();
    auto client = connect();
    client.send(frame(kClose, ""));
    EXPECT_EQ(client.next(kClose), "");
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(events_.closed.next(), (Ended{1005, "", true}));
}

TEST_F(WebSocketWire, ItsOwnCloseCarriesCodeAndReason) {
    start();
    auto client = connect();
    client.send_text("close");
    const auto close = client.next();
    ASSERT_TRUE(close);
    EXPECT_EQ(close->close_code(), 4321);
    EXPECT_EQ(close->close_reason(), "as you wish");
    EXPECT_FALSE(client.socket().readable(50ms)) << "TCP ends only after the answer";
    client.send_close(4321);
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(events_.closed.next(), (Ended{4321, "as you wish", false}));
}

TEST_F(WebSocketWire, IgnoresMessagesBehindItsClose) {
    start();
    auto client = connect();
    client.send(frame(kText, "close") + frame(kText, "late") + frame(kPing, "late"));
    EXPECT_EQ(client.next_close(), 4321);
    client.send(frame(kText, "later") + close_frame(4321));
    EXPECT_TRUE(client.at_end());
    ASSERT_TRUE(events_.closed.next());
    EXPECT_EQ(texts_, 1);
}

TEST_F(WebSocketWire, CutsAPeerThatDoesNotAnswerItsClose) {
    auto options = TestServer::quick_options();
    options.close_timeout = 100ms;
    start(options);
    auto client = connect();
    client.send_text("close");
    EXPECT_EQ(client.next_close(), 4321);
    EXPECT_TRUE(client.socket().closed_by_peer(kPatience));
    EXPECT_EQ(events_.closed.next(), (Ended{4321, "as you wish", false}));
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
}

TEST_F(WebSocketWire, CutsAPeerThatKeepsTheSocketOpenAfterBothCloses) {
    auto options = TestServer::quick_options();
    options.close_timeout = 100ms;
    start(options);
    auto client = connect();
    client.send_close();
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_TRUE(client.at_end());
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
}

TEST_F(WebSocketWire, PeersThatVanishEndWith1006) {
    start();
    {
        auto client = connect();
        ASSERT_TRUE(events_.opened.next());
    }
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
    auto client = connect();
    client.socket().reset();
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(WebSocketWire, FailuresCloseWithTheirCodeAndAreCounted) {
    auto options = TestServer::quick_options();
    options.max_message_bytes = 1000;
    start(options);
    const std::pair<std::string, int> cases[] = {
        {frame(kText, "unmasked", {.masked = false}), 1002},
        {frame(3, "reserved"), 1002},
        {frame(kText, "\xff"), 1007},
        {frame(kText, std::string(1001, 'x')), 1009},
        {fragment(kBinary, std::string(600, 'x')) + frame(kContinuation, std::string(401, 'x')), 1009},
    };
    for (const auto& [bytes, code] : cases) {
        auto client = connect();
        client.send(bytes + frame(kText, "not read"));
        EXPECT_EQ(client.next_close(), code);
        EXPECT_TRUE(client.at_end());
        const auto ended = events_.closed.next();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->code, code);
        EXPECT_FALSE(ended->by_peer);
    }
    EXPECT_EQ((*server_)->stats().protocol_errors, std::size(cases));
    EXPECT_EQ(texts_, 0);
    auto client = connect();
    client.send_text(std::string(1000, 'x'));
    EXPECT_EQ(client.next(kText), std::string(1000, 'x')) << "the limit is inclusive";
}

// -- reading and pings -----------------------------------------------------------------------------------------------

TEST_F(WebSocketWire, AnswersEachPing) {
    start();
    auto client = connect();
    std::string pings;
    for (int i = 0; i < 1000; ++i) pings += frame(kPing, std::to_string(i));
    client.send(pings);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.next(kPong), std::to_string(i));
}

TEST_F(WebSocketWire, ReadsFramesThatCameWithTheRequest) {
    start();
    HttpClient client(server_->port());
    client.send(WsClient::request("/echo") + frame(kText, "early") + frame(kText, "too"));
    const auto answer = client.next();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 101);
    EXPECT_EQ(client.take(12),
              "\x81\x05"
              "early"
              "\x81\x03"
              "too");
}

TEST_F(WebSocketWire, WorksOverTls) {
    const TlsCertificate certificate;
    auto options = TestServer::quick_options();
    options.tls = TlsOptions{.certificate_file = certificate.certificate_file(), .key_file = certificate.key_file()};
    start(options);
    TlsClientSocket client(server_->port(), {.tcp = {.timeout = kPatience}});
    ASSERT_TRUE(client.connected());
    client.send(WsClient::request("/echo") + frame(kText, "early"));
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        const auto byte = client.receive(1);
        ASSERT_FALSE(byte.empty());
        head += byte;
    }
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
    EXPECT_EQ(client.receive(7),
              "\x81\x05"
              "early");
    const std::string big(1u << 20, 'b');
    client.send(frame(kBinary, big));
    EXPECT_TRUE(client.receive(10 + big.size()).substr(10) == big);
    client.send(close_frame(1000));
    EXPECT_EQ(client.receive_to_end(), std::string("\x88\x02\x03\xe8", 4));
    EXPECT_EQ(events_.closed.next(), (Ended{1000, "", true}));
}

TEST_F(WebSocketWire, SilentPeersArePingedThenCut) {
    auto options = TestServer::quick_options();
    options.keepalive_interval = 100ms;
    start(options);
    auto client = connect();
    EXPECT_EQ(client.next(kPing), "");
    EXPECT_FALSE(client.next());
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
    EXPECT_EQ((*server_)->stats().heartbeat_timeouts, 1u);
}

TEST_F(WebSocketWire, PeersThatPongStay) {
    auto options = TestServer::quick_options();
    options.keepalive_interval = 1000ms;
    start(options);
    auto client = connect();
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(client.next(kPing), "");
        client.send_pong();
    }
    client.send_text("still here");
    EXPECT_EQ(client.next(kText), "still here");
    EXPECT_EQ((*server_)->stats().heartbeat_timeouts, 0u);
}

/// A peer cannot be heard by who does not listen.
TEST_F(WebSocketWire, PausedPeersAreNotCutForTheirSilence) {
    auto options = TestServer::quick_options();
    options.keepalive_interval = 300ms;
    start(options);
    auto client = connect();
    const auto connection = events_.opened.next().value();
    connection->pause_reading();
    for (int i = 0; i < 2; ++i) {
        auto silent = connect();  // measures the time: its end comes two intervals later
        EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
    }
    EXPECT_TRUE(connection->is_open());
    client.send_text("read at last");
    connection->resume_reading();
    auto got = client.next();
    while (got && got->opcode == kPing) got = client.next();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->payload, "read at last");
}

}  // namespace
}  // namespace cryo::test
