#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "endpoint_fixture.h"

namespace cryo::test {

/// A text of 1 KiB that begins with `number`.
inline std::string numbered(int number) {
    std::string text = std::to_string(number);
    return text + std::string(1024 - text.size(), ' ');
}

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
    static void expect_numbered(Peer& peer, int count) {
        for (int i = 0; i < count; ++i) ASSERT_EQ(peer.client.next(kText), numbered(i));
    }
};

}  // namespace cryo::test
