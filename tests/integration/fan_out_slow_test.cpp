// Broadcasts to slow readers: completeness, throttling, exact accounting.

#include <vector>

#include <sys/ioctl.h>

#include "fan_out_fixture.h"

namespace cryo::test {
namespace {

// -- slow readers ----------------------------------------------------------------------------------------------------

TEST_F(FanOut, SlowReadersGetEveryByteAndHoldNobodyUp) {
    start();
    Peer before = join(), slow = join({}, 64 << 10), after = join();
    warm_up(before, slow, after);
    std::vector<std::string> texts;
    for (int i = 0; i < 240; ++i) {
        const std::size_t size = i % 8 == 0 ? 150'000 : i % 3 == 0 ? 5'000 : 20;
        texts.push_back(std::to_string(i) + std::string(size, static_cast<char>('a' + i % 26)));
    }
    for (std::size_t i = 0; i < texts.size(); i += 6) {
        on_loop(*slow.connection, [&] {
            for (std::size_t k = i; k < i + 6; ++k) broadcast(texts[k]);
        });
        for (Peer* fast : {&before, &after}) {
            for (std::size_t k = i; k < i + 6; ++k) ASSERT_TRUE(fast->client.next(kText) == texts[k]) << k;
        }
    }
    for (const auto& text : texts) ASSERT_TRUE(slow.client.next(kText) == text);
    EXPECT_EQ(slow.stats().messages_dropped, 0u);
    warm_up(before, slow, after);
}

TEST_F(FanOut, BroadcastsThrottleExactlyAtTheHighWaterMarkThenQueueThenDrop) {
    Inbox<DropReason> told;
    start({.dropped = [&](Connection&, const DroppedMessage& message) { told.push(message.reason); }}, small_options());
    Peer slow = join({}, 4096);
    warm_up(slow);
    on_loop(*slow.connection, [&] { broadcast_numbered(60); });
    // What the kernel has sent since is not known here, but what it was when the mark was reached.
    const auto below = slow.stats();
    EXPECT_EQ(below.messages_sent, 61u);
    EXPECT_FALSE(below.throttled);
    int sent = 60;
    while (!slow.stats().throttled) {
        ASSERT_LT(slow.stats().unsent_bytes, 64u << 10);
        broadcast(numbered(sent++));
    }
    EXPECT_EQ(slow.stats().messages_sent, static_cast<unsigned>(sent) + 1);
    EXPECT_GE(sent, 63);
    EXPECT_LE(sent, 80) << "what a client that does not read may have taken";
    on_loop(*slow.connection, [&] {
        for (int i = 0; i < 25; ++i) broadcast(numbered(1000 + i));
    });
    const auto throttled = slow.stats();
    EXPECT_EQ(throttled.queued_messages, 20u);
    EXPECT_EQ(throttled.messages_dropped, 5u);
    EXPECT_EQ(throttled.messages_sent, static_cast<unsigned>(sent) + 1);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(told.next(), DropReason::queue_full);
    expect_numbered(slow, sent);
    for (int i = 5; i < 25; ++i) ASSERT_EQ(slow.client.next(kText), numbered(1000 + i));
}

TEST_F(FanOut, OneTurnsBroadcastsThrottleWhereTheSameSendsWould) {
    start({}, small_options());
    Peer silent = join(), busy = join();
    warm_up(silent, busy);
    on_loop(*busy.connection, [&] {
        busy.connection->send_text("own");
        broadcast_numbered(50);
        EXPECT_EQ(busy.connection->stats().unsent_bytes, 5 + 50 * kNumberedFrame);
        EXPECT_EQ(silent.connection->stats().unsent_bytes, 50 * kNumberedFrame);
        for (int i = 50; i < 100; ++i) broadcast(numbered(i));
        for (const auto& peer : {silent.connection, busy.connection}) {
            const auto stats = peer->stats();
            EXPECT_EQ(stats.messages_sent, 1u + 64u + (peer == busy.connection ? 1 : 0));
            EXPECT_EQ(stats.queued_messages, 20u);
            EXPECT_EQ(stats.messages_dropped, 16u);
            EXPECT_TRUE(stats.throttled);
        }
    });
    expect(busy, {"own"});
    for (Peer* peer : {&silent, &busy}) {
        expect_numbered(*peer, 64);
        for (int i = 80; i < 100; ++i) ASSERT_EQ(peer->client.next(kText), numbered(i));
    }
}

// -- accounting ------------------------------------------------------------------------------------------------------

TEST_F(FanOut, StatsAreExactAtAnyTime) {
    start();
    Peer peer = join();
    warm_up(peer);
    const auto before = peer.stats();
    on_loop(*peer.connection, [&] {
        for (int i = 0; i < 3; ++i) broadcast(std::string(100, 'x'));
        EXPECT_EQ(peer.connection->stats().unsent_bytes, 3 * 102u);
        peer.connection->send_text("own");
        const auto now = peer.connection->stats();
        EXPECT_EQ(now.messages_sent, before.messages_sent + 4);
        EXPECT_EQ(now.bytes_sent, before.bytes_sent + 303);
        EXPECT_EQ(now.unsent_bytes, 3 * 102u + 5);
    });
    for (unsigned i = 0; i < 3; ++i) {
        broadcast("again");
        const auto now = peer.stats();
        EXPECT_EQ(now.messages_sent, before.messages_sent + 5 + i);
        EXPECT_EQ(now.bytes_sent, before.bytes_sent + 308 + 5 * i);
        EXPECT_LE(now.unsent_bytes, 3 * 102u + 5 + 7 * (i + 1));
    }
    skip(peer, 7);
    EXPECT_TRUE(eventually([&] { return peer.stats().unsent_bytes == 0; }));
}

TEST_F(FanOut, StatsAreExactForASlowReader) {
    start();
    Peer slow = join({}, 64 << 10);
    warm_up(slow);
    const std::string large(1'000'000, 'x');
    const auto in_client = [&] {
        int bytes = 0;
        ::ioctl(slow.client.socket().fd(), FIONREAD, &bytes);
        return static_cast<std::size_t>(bytes);
    };
    for (unsigned i = 1; i <= 10; ++i) {
        broadcast(large);
        const auto now = slow.stats();
        EXPECT_EQ(now.messages_sent, 1 + i);
        EXPECT_EQ(now.bytes_sent, 7 + i * large.size());
        EXPECT_FALSE(now.throttled);
        EXPECT_TRUE(eventually([&] { return slow.stats().unsent_bytes + in_client() == i * (large.size() + 10); }));
    }
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(slow.client.next(kText) == large);
    EXPECT_TRUE(eventually([&] { return slow.stats().unsent_bytes == 0; }));
    EXPECT_EQ(slow.stats().messages_sent, 11u);
}

}  // namespace
}  // namespace cryo::test
