#pragma once

#include <cstddef>
#include <deque>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "endpoint_fixture.h"
#include "support/tls_certificate.h"

namespace cryo::test {

/// A text of 1 KiB that begins with `number`.
inline std::string numbered(int number) {
    std::string text = std::to_string(number);
    return text + std::string(1024 - text.size(), ' ');
}

/// What it is on the wire, uncompressed.
inline constexpr std::size_t kNumberedFrame = 1024 + 4;

/// An endpoint whose clients can be told apart, broadcast to and slowed down.
class FanOut : public EndpointTest {
protected:
    struct Peer {
        WsClient client;
        ConnectionPtr connection;

        /// When the turn of all that was posted before has ended.
        ConnectionStats stats() const {
            on_loop(*connection, [] {});
            return on_loop(*connection, [&] { return connection->stats(); });
        }
    };

    Peer join(std::string_view lines = {}, int receive_buffer = 0) {
        WsClient client(server_->port(), "/ws", lines, {.timeout = kPatience, .receive_buffer = receive_buffer});
        EXPECT_TRUE(client.connected());
        return {std::move(client), opened()};
    }

    /// On a server with TLS, which this starts: frames as they come.
    TlsClientSocket start_and_join_over_tls() {
        const TlsCertificate certificate;
        auto options = TestServer::quick_options();
        options.tls =
            TlsOptions{.certificate_file = certificate.certificate_file(), .key_file = certificate.key_file()};
        start(echo_handlers(), options);
        TlsClientSocket client(server_->port());
        client.send(WsClient::request("/ws"));
        for (std::string head, byte; !head.ends_with("\r\n\r\n"); head += byte) {
            byte = client.receive(1);
            if (byte.empty()) throw std::runtime_error("no upgrade over TLS");
        }
        return client;
    }

    void broadcast(std::string_view text) { endpoint_->broadcast(PreparedMessage::text(text)); }
    void broadcast_numbered(int count) {
        for (int i = 0; i < count; ++i) broadcast(numbered(i));
    }

    /// Whoever was silent since takes the direct way from now on.
    template <class... Peers>
    void warm_up(Peers&... peers) {
        broadcast("warm up");
        for (Peer* peer : {&peers...}) {
            EXPECT_EQ(peer->client.next(kText), "warm up");
            EXPECT_TRUE(eventually([&] { return peer->stats().unsent_bytes == 0; }));
        }
    }

    /// Leaves about 4 KiB below the high-water mark of `small_options`, nothing of it in the server's own buffers.
    static int almost_throttle(Peer& peer) {
        int sent = 0;
        EXPECT_TRUE(eventually([&] {
            return on_loop(*peer.connection, [&] {
                if (peer.connection->stats().unsent_bytes >= (56u << 10)) return true;
                while (peer.connection->stats().unsent_bytes < (59u << 10)) {
                    peer.connection->send_text("filling" + numbered(sent++));
                }
                return false;
            });
        }));
        return sent;
    }

    static void skip(Peer& peer, int count) {
        for (int i = 0; i < count; ++i) ASSERT_TRUE(peer.client.next(kText)) << i;
    }
    static void expect(Peer& peer, std::initializer_list<std::string_view> texts) {
        for (const auto text : texts) EXPECT_EQ(peer.client.next(kText), text);
    }
    /// What a model says that the peer is sent, and its end when it was closed.
    static void expect_all(Peer& peer, std::deque<std::string> texts, bool is_open) {
        for (; !texts.empty(); texts.pop_front()) {
            const auto got = peer.client.next(kText);
            ASSERT_TRUE(got == texts.front())
                << "expected " << texts.front().substr(0, 20) << ", got " << got.value_or("?").substr(0, 20);
        }
        if (is_open) return;
        ASSERT_EQ(peer.client.next().value_or(WsFrame{}).close_code(), 4000);
    }
    static void expect_numbered(Peer& peer, int count) {
        for (int i = 0; i < count; ++i) ASSERT_EQ(peer.client.next(kText), numbered(i));
    }

    /// Those of a model take their time, and some are compressed.
    static ServerOptions model_options() {
        auto options = TestServer::quick_options();
        options.close_timeout = kPatience;
        options.keepalive_interval = kPatience;
        options.deflate.enabled = true;
        return options;
    }
};

}  // namespace cryo::test
