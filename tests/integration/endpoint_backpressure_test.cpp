// What a peer that reads slowly, or not at all, gets and costs.

#include <algorithm>
#include <cerrno>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

#include "endpoint_fixture.h"

namespace cryo::test {
namespace {

class EndpointBackpressure : public ::testing::Test {
protected:
    static ServerOptions options(DropPolicy policy = DropPolicy::drop_oldest) {
        auto options = small_options();
        options.backpressure.max_control_bytes = 4u << 10;
        options.backpressure.drop_policy = policy;
        return options;
    }

    void start(const ServerOptions& options, WebSocketHandlers handlers = echo_handlers()) {
        handlers.drain = [this](Connection&) { ++drains_; };
        handlers.dropped = [this](Connection&, const DroppedMessage& message) {
            told_ += message.count;
            dropped_.push({static_cast<int>(message.bytes), message.reason, std::string(message.dedupe_key)});
        };
        server_.emplace(options);
        ASSERT_TRUE((*server_)->websocket("/ws", events_.handlers(std::move(handlers))));
        server_->start();
    }

    /// A client that reads only when it is told to.
    WsClient connect_slow(int receive_buffer = 4096) {
        return WsClient(server_->port(), "/ws", {}, {.timeout = kPatience, .receive_buffer = receive_buffer});
    }

    /// Sends numbered messages of a kilobyte until the connection is throttled; returns how many.
    static int throttle(Connection& connection) {
        return on_loop(connection, [&] {
            int sent = 0;
            while (!connection.stats().throttled) {
                EXPECT_EQ(connection.send_text(numbered(sent)), SendStatus::sent);
                ++sent;
            }
            return sent;
        });
    }

    static std::string numbered(int number) {
        std::string text = std::to_string(number);
        return text + std::string(1024 - text.size(), ' ');
    }

    static ConnectionStats stats(Connection& connection) {
        return on_loop(connection, [&] { return connection.stats(); });
    }

    struct Drop {
        int bytes = 0;
        DropReason reason{};
        std::string key{};
    };

    std::atomic<int> drains_{0};
    Inbox<Drop> dropped_;
    std::atomic<std::size_t> told_{0};  // messages that were dropped, some of them told of together
    EndpointEvents events_;
    std::optional<TestServer> server_;
};

TEST_F(EndpointBackpressure, ThrottlesQueuesAndDrains) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const int sent = throttle(*connection);
    EXPECT_GE(sent, 60);
    EXPECT_LE(sent, 64);
    for (int i = sent; i < sent + 20; ++i) {
        EXPECT_EQ(on_loop(*connection, [&] { return connection->send_text(numbered(i)); }), SendStatus::queued);
    }
    auto now = stats(*connection);
    EXPECT_EQ(now.queued_messages, 20u);
    EXPECT_EQ(now.queued_bytes, 20u << 10);
    EXPECT_TRUE(now.throttled);
    EXPECT_LE(now.unsent_bytes, (65u << 10) + 300);
    EXPECT_EQ(drains_, 0);
    for (int i = 0; i < sent + 20; ++i) ASSERT_EQ(client.next(kText), numbered(i));
    EXPECT_TRUE(eventually([&] { return drains_ == 1; }));
    EXPECT_FALSE(stats(*connection).throttled);
    EXPECT_EQ(on_loop(*connection, [&] { return connection->send_text("again"); }), SendStatus::sent);
    EXPECT_EQ(client.next(kText), "again");
    EXPECT_EQ(stats(*connection).messages_dropped, 0u);
}

TEST_F(EndpointBackpressure, DropOldestKeepsTheNewest) {
    start(options(DropPolicy::drop_oldest));
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const int sent = throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = 0; i < 50; ++i) EXPECT_EQ(connection->send_text(numbered(1000 + i)), SendStatus::queued);
    });
    EXPECT_EQ(dropped_.size(), 30u);
    for (int i = 0; i < 30; ++i) EXPECT_EQ(dropped_.next()->reason, DropReason::queue_full);
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client.next(kText), numbered(i));
    for (int i = 30; i < 50; ++i) ASSERT_EQ(client.next(kText), numbered(1000 + i));
    const auto after = stats(*connection);
    EXPECT_EQ(after.messages_sent, static_cast<unsigned>(sent) + 20);
    EXPECT_EQ(after.messages_dropped, 30u);
    EXPECT_EQ((*server_)->stats().dropped_messages, 30u);
}

TEST_F(EndpointBackpressure, DropNewestKeepsTheOldest) {
    start(options(DropPolicy::drop_newest));
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const int sent = throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(connection->send_text(numbered(1000 + i)), i < 20 ? SendStatus::queued : SendStatus::dropped);
        }
    });
    EXPECT_EQ(dropped_.size(), 30u);
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client.next(kText), numbered(i));
    for (int i = 0; i < 20; ++i) ASSERT_EQ(client.next(kText), numbered(1000 + i));
    EXPECT_EQ(stats(*connection).messages_dropped, 30u);
}

TEST_F(EndpointBackpressure, DedupeLatestKeepsTheLatestOfEachKey) {
    start(options(DropPolicy::dedupe_latest));
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const int sent = throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = 0; i < 50; ++i) {
            const auto key = "key" + std::to_string(i % 5);
            EXPECT_EQ(connection->send_text(numbered(1000 + i), {.dedupe_key = key}), SendStatus::queued);
        }
        for (int i = 0; i < 10; ++i) EXPECT_EQ(connection->send_text("the same"), SendStatus::queued);
    });
    for (int i = 0; i < 45; ++i) {
        const auto drop = dropped_.next();
        EXPECT_EQ(drop->reason, DropReason::duplicate);
        EXPECT_EQ(drop->key, "key" + std::to_string(i % 5));
    }
    EXPECT_EQ(dropped_.size(), 9u);
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client.next(kText), numbered(i));
    for (int i = 45; i < 50; ++i) ASSERT_EQ(client.next(kText), numbered(1000 + i));
    EXPECT_EQ(client.next(kText), "the same");
    EXPECT_EQ(stats(*connection).messages_dropped, 54u);
}

TEST_F(EndpointBackpressure, MessagesOverTheQueueFitOnlyAnOpenRoad) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const std::string big(41u << 10, 'b');
    EXPECT_EQ(on_loop(*connection, [&] { return connection->send_text(big); }), SendStatus::sent);
    const int sent = throttle(*connection);
    EXPECT_EQ(on_loop(*connection, [&] { return connection->send_text(big); }), SendStatus::too_large);
    const auto drop = dropped_.next();
    EXPECT_EQ(drop->reason, DropReason::too_large);
    EXPECT_EQ(drop->bytes, 41 << 10);
    EXPECT_EQ(client.next(kText), big);
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client.next(kText), numbered(i));
}

TEST_F(EndpointBackpressure, QueueIsCappedInBytesToo) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = 0; i < 15; ++i) connection->send_binary(as_bytes(std::string(10u << 10, 'q')));
    });
    const auto now = stats(*connection);
    EXPECT_EQ(now.queued_messages, 4u);
    EXPECT_EQ(now.queued_bytes, 40u << 10);
    EXPECT_EQ(now.messages_dropped, 11u);
}

TEST_F(EndpointBackpressure, CloseSendsTheQueueFirst) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    const int sent = throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = sent; i < sent + 20; ++i) connection->send_text(numbered(i));
        connection->close(4000, "flushed");
        EXPECT_EQ(connection->send_text("too late"), SendStatus::closed);
    });
    for (int i = 0; i < sent + 20; ++i) ASSERT_EQ(client.next(kText), numbered(i));
    EXPECT_EQ(client.next_close(), 4000);
    client.send_close(4000);
    EXPECT_EQ(events_.closed.next(), (Ended{4000, "flushed", false}));
    EXPECT_EQ(dropped_.size(), 0u);
}

TEST_F(EndpointBackpressure, WhatIsStillQueuedAtTheEndIsReported) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    throttle(*connection);
    on_loop(*connection, [&] {
        for (int i = 0; i < 7; ++i) connection->send_text(numbered(i));
    });
    client.socket().reset();
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
    EXPECT_EQ(dropped_.size(), 7u);
    for (int i = 0; i < 7; ++i) EXPECT_EQ(dropped_.next()->reason, DropReason::closed);
}

TEST_F(EndpointBackpressure, SendsOvertakenByTheEndAreCounted) {
    std::atomic<bool> reading{false}, sent{false};
    WebSocketHandlers handlers;
    handlers.text = [&](Connection&, std::string_view) {
        reading = true;
        eventually([&] { return sent.load(); });
    };
    start(options(), std::move(handlers));
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    client.send(frame(kText, "and the end comes right behind") + close_frame(1000));
    EXPECT_TRUE(eventually([&] { return reading.load(); }));
    EXPECT_EQ(connection->send_text("on its way"), SendStatus::queued);
    sent = true;
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_EQ(events_.closed.next(), (Ended{1000, "", true}));
    EXPECT_EQ(stats(*connection).messages_dropped, 1u);
}

/// Each message arrives or is reported, and none is both.
TEST_F(EndpointBackpressure, AccountsForEveryMessageOfEveryThread) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    constexpr int kThreads = 3, kMessages = 3000;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kMessages; ++i) connection->send_text(numbered(i));
        });
    }
    std::thread closer([&] {
        for (auto& thread : threads) thread.join();
        connection->close();
    });
    std::size_t received = 0;
    for (;;) {
        const auto got = client.next();
        ASSERT_TRUE(got);
        if (got->opcode == kClose) break;
        ++received;
    }
    closer.join();
    client.send_close();
    ASSERT_TRUE(events_.closed.next());
    EXPECT_EQ(received + told_, std::size_t{kThreads * kMessages});
    const auto after = stats(*connection);
    EXPECT_EQ(after.messages_sent, received);
    EXPECT_EQ(after.messages_dropped, told_);
    EXPECT_EQ((*server_)->stats().dropped_messages, after.messages_dropped);
}

// -- peers that send without reading ---------------------------------------------------------------------------------

/// Enough for TCP window scaling. Without it Linux offers a multiple of the largest segment it has received. After a
/// few small frames that can stay just below the least a sender sends at once (half the largest window), and from then
/// on only the persist timer sends: a segment every 200 ms.
constexpr int kFloodBuffer = 64 << 10;

struct Flood {
    int sent = 0;
    std::string rest{};  // of the last one, which has left in part
};

/// Sends copies of `bytes` until the server has stopped reading for good.
Flood flood(ClientSocket& socket, std::string_view bytes, int at_most) {
    int sent = 0;
    std::size_t offset = 0;
    pollfd entry{socket.fd(), POLLOUT, 0};
    while (sent < at_most && ::poll(&entry, 1, 2000) == 1) {
        const auto got = ::send(socket.fd(), bytes.data() + offset, bytes.size() - offset, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN) break;
        offset += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        if (offset < bytes.size()) continue;
        ++sent;
        offset = 0;
    }
    return {sent, std::string(offset == 0 ? "" : bytes.substr(offset))};
}

TEST_F(EndpointBackpressure, PingsOfAPeerThatDoesNotReadAreBoundedThenAnswered) {
    start(options());
    auto client = connect_slow(kFloodBuffer);
    const std::string payload(125, 'p');
    constexpr int kMost = 400'000;  // 52 MB
    const auto [sent, rest] = flood(client.socket(), frame(kPing, payload), kMost);
    EXPECT_LT(sent, kMost) << "the server stopped reading";
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client.next(kPong), payload) << i << " of " << sent;
    client.send(rest);
    if (!rest.empty()) {
        EXPECT_EQ(client.next(kPong), payload);
    }
    client.send_text("and on it goes");
    EXPECT_EQ(client.next(kText), "and on it goes");
}

TEST_F(EndpointBackpressure, PeersThatFloodAndNeverReadAreCut) {
    auto quick = options();
    quick.keepalive_interval = 300ms;
    start(quick);
    auto client = connect_slow(kFloodBuffer);
    flood(client.socket(), frame(kPing, std::string(125, 'p')), 400'000);
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(EndpointBackpressure, RepliesToAPeerThatDoesNotReadAreBoundedAndAccountedFor) {
    start(options());
    auto client = connect_slow();
    const auto connection = events_.opened.next().value();
    constexpr unsigned kMessages = 20'000;
    std::thread sender([&] {
        for (unsigned i = 0; i < kMessages; ++i) client.send_text(numbered(static_cast<int>(i)));
    });
    sender.join();
    EXPECT_TRUE(eventually([&] { return stats(*connection).messages_received == kMessages; }));
    const auto before = stats(*connection);
    EXPECT_LE(before.unsent_bytes, 66u << 10);
    EXPECT_LE(before.queued_messages, 20u);
    connection->close(1000);
    unsigned received = 0;
    while (client.next(kText)) ++received;
    client.send_close();
    ASSERT_TRUE(events_.closed.next());
    EXPECT_EQ(received + dropped_.size(), kMessages);
}

}  // namespace
}  // namespace cryo::test
