// permessage-deflate on the wire, RFC 7692.

#include "endpoint_fixture.h"
#include "support/ws_cases.h"

namespace cryo::test {
namespace {

class DeflateWire : public ::testing::Test {
protected:
    void start(DeflateOptions deflate = {.enabled = true}, std::size_t max_message_bytes = 1u << 20) {
        auto options = TestServer::quick_options();
        options.deflate = deflate;
        options.max_message_bytes = max_message_bytes;
        server_.emplace(options);
        ASSERT_TRUE((*server_)->websocket("/echo", echo_handlers()));
        server_->start();
    }

    WsClient offer(const std::string& extensions) {
        return WsClient(server_->port(), "/echo", "Sec-WebSocket-Extensions: " + extensions + "\r\n");
    }

    std::string agreed(const std::string& extensions) {
        return offer(extensions).answer().header("Sec-WebSocket-Extensions");
    }

    /// Sends messages compressed as agreed upon and expects them back, compressed.
    void expect_echo(WsClient client) {
        ASSERT_TRUE(client.connected());
        const auto agreed = client.answer().header("Sec-WebSocket-Extensions");
        const auto at = agreed.find("client_max_window_bits=");
        ClientDeflater deflate(at == std::string::npos ? 15 : std::atoi(agreed.c_str() + at + 23));
        const bool forget = agreed.find("client_no_context_takeover") != std::string::npos;
        for (const std::size_t size : {100U, 100U, 5000U, 100'000U, 700'000U, 5000U}) {
            const auto message = cases::prose(size);
            client.send(compressed_frame(kText, deflate(message)));
            if (forget) deflate.forget_context();
            const auto reply = client.next();
            ASSERT_TRUE(reply) << agreed << " " << client.error();
            EXPECT_TRUE(reply->payload == message) << agreed;
            EXPECT_TRUE(reply->compressed) << agreed << " " << size;
        }
        client.send_text("plain");
        EXPECT_EQ(client.next(kText), "plain");
    }

    std::optional<TestServer> server_;
};

TEST_F(DeflateWire, IsOffByDefault) {
    start({});
    EXPECT_EQ(agreed("permessage-deflate"), "");
}

TEST_F(DeflateWire, AgreesOnWhatCanBeMet) {
    start();
    EXPECT_EQ(agreed("permessage-deflate"), "permessage-deflate; server_no_context_takeover");
    EXPECT_EQ(agreed("permessage-deflate; client_no_context_takeover"),
              "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    EXPECT_EQ(agreed("permessage-deflate; server_max_window_bits=\"10\"; client_max_window_bits=11"),
              "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11");
}

TEST_F(DeflateWire, EchoesWithEveryWindowAndTakeover) {
    for (const bool server_takeover : {false, true}) {
        start({.enabled = true, .server_context_takeover = server_takeover});
        for (int bits = 8; bits <= 15; ++bits) {
            const auto text = std::to_string(bits);
            expect_echo(offer("permessage-deflate; server_max_window_bits=" + text));
            if (bits > 8) expect_echo(offer("permessage-deflate; client_max_window_bits=" + text));
        }
        expect_echo(offer("permessage-deflate; client_max_window_bits"));
        expect_echo(offer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    }
}

TEST_F(DeflateWire, LimitsTheWindowsToItsOwn) {
    start({.enabled = true, .max_window_bits = 10});
    EXPECT_EQ(agreed("permessage-deflate; client_max_window_bits; server_max_window_bits=12"),
              "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10");
    expect_echo(offer("permessage-deflate; client_max_window_bits; server_max_window_bits=12"));
    expect_echo(offer("permessage-deflate"));
}

TEST_F(DeflateWire, DeclinesWhatItCannotMeet) {
    start();
    for (const std::string declined :
         {"x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate; unknown", "permessage-deflate; unknown=1",
          "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
          "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=010",
          "permessage-deflate; client_max_window_bits=7", "permessage-deflate; server_no_context_takeover=1",
          "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "permessage-deflate;;",
          "permessage-deflate; server_max_window_bits=\"10"}) {
        auto client = offer(declined);
        EXPECT_TRUE(client.connected()) << declined;
        EXPECT_EQ(client.answer().header("Sec-WebSocket-Extensions"), "") << declined;
        client.send(compressed_frame(kText, ClientDeflater()("not agreed upon")));
        EXPECT_EQ(client.next_close(), 1002) << declined;
    }
}

TEST_F(DeflateWire, TakesTheFirstOfferItCanMeet) {
    start();
    EXPECT_EQ(agreed("permessage-deflate; server_max_window_bits=7, permessage-deflate; client_no_context_takeover"),
              "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    EXPECT_EQ(agreed("permessage-bzip2\r\nSec-WebSocket-Extensions: permessage-deflate"),
              "permessage-deflate; server_no_context_takeover");
}

TEST_F(DeflateWire, SendsSmallMessagesAsTheyAre) {
    start();
    auto client = offer("permessage-deflate");
    client.send_text(std::string(63, 'x'));
    client.send_text(std::string(64, 'x'));
    EXPECT_FALSE(client.next()->compressed);
    EXPECT_TRUE(client.next()->compressed);
}

TEST_F(DeflateWire, CapsTheInflatedSize) {
    start({.enabled = true}, 1000);
    auto client = offer("permessage-deflate");
    ClientDeflater deflate;
    client.send(compressed_frame(kText, deflate(std::string(1000, 'x'))));
    EXPECT_EQ(client.next(kText), std::string(1000, 'x'));
    client.send(compressed_frame(kText, deflate(std::string(1001, 'x'))));
    EXPECT_EQ(client.next_close(), 1009);
    EXPECT_TRUE(client.at_end());

    auto bomber = offer("permessage-deflate");
    bomber.send(compressed_frame(kBinary, ClientDeflater(15, 9)(std::string(500'000, '\0'))));
    EXPECT_EQ(bomber.next_close(), 1009);
}

}  // namespace
}  // namespace cryo::test
