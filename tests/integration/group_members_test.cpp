// Groups with members of every kind: slow, busy, compressing, encrypted.

#include <string>
#include <vector>

#include "group_fixture.h"

namespace cryo::test {
namespace {

TEST_F(GroupTest, SlowMembersGetEveryByteAndHoldNobodyUp) {
    start();
    Peer before = join(), slow = join({}, 64 << 10), after = join();
    const auto all = make_group(before, slow, after), some = make_group(slow, after);
    std::vector<std::string> texts;
    for (int i = 0; i < 240; ++i) {
        const std::size_t size = i % 8 == 0 ? 150'000 : i % 3 == 0 ? 5'000 : 20;
        texts.push_back(std::to_string(i) + std::string(size, static_cast<char>('a' + i % 26)));
    }
    const auto is_for_all = [](std::size_t i) { return i % 5 < 3; };
    for (std::size_t i = 0; i < texts.size(); i += 6) {
        act([&] {
            for (std::size_t k = i; k < i + 6; ++k) send(is_for_all(k) ? *all : *some, texts[k]);
        });
        for (std::size_t k = i; k < i + 6; ++k) {
            ASSERT_TRUE(after.client.next(kText) == texts[k]) << k;
            if (is_for_all(k)) {
                ASSERT_TRUE(before.client.next(kText) == texts[k]) << k;
            }
        }
    }
    for (const auto& text : texts) ASSERT_TRUE(slow.client.next(kText) == text);
    EXPECT_EQ(slow.stats().messages_dropped, 0u);
    EXPECT_EQ(slow.stats().messages_sent, texts.size());
}

TEST_F(GroupTest, OneTurnsSendsThrottleQueueAndDropWhereOwnSendsWould) {
    start({}, small_options());
    Peer one = join(), two = join(), busy = join();
    const auto red = make_group(one, two, busy), blue = make_group(two, busy);
    act([&] { send(*red, "warm up"); });
    for (Peer* peer : {&one, &two, &busy}) {
        expect(*peer, {"warm up"});
        EXPECT_TRUE(eventually([&] { return peer->stats().unsent_bytes == 0; }));
    }
    act([&] {
        busy.connection->send_text("own");
        for (int i = 0; i < 50; ++i) send(i % 2 == 0 ? *red : *blue, numbered(i));
        EXPECT_EQ(busy.connection->stats().unsent_bytes, 5 + 50 * kNumberedFrame);
        EXPECT_EQ(two.connection->stats().unsent_bytes, 50 * kNumberedFrame);
        EXPECT_EQ(one.connection->stats().unsent_bytes, 25 * kNumberedFrame);
        EXPECT_EQ(two.connection->stats().messages_sent, 1u);
        for (int i = 50; i < 100; ++i) send(i % 2 == 0 ? *red : *blue, numbered(i));
        two.connection->send_text("own");
        for (const auto& peer : {two.connection, busy.connection}) {
            const auto stats = peer->stats();
            EXPECT_EQ(stats.messages_sent, 1u + 64u + (peer == busy.connection ? 1 : 0));
            EXPECT_EQ(stats.queued_messages, 20u);
            EXPECT_EQ(stats.messages_dropped, peer == two.connection ? 17u : 16u);
            EXPECT_TRUE(stats.throttled);
        }
    });
    expect(busy, {"own"});
    for (Peer* peer : {&two, &busy}) {
        expect_numbered(*peer, 64);
        const int first_kept = peer == &two ? 81 : 80;
        for (int i = first_kept; i < 100; ++i) ASSERT_EQ(peer->client.next(kText), numbered(i));
    }
    expect(two, {"own"});
    for (int i = 0; i < 100; i += 2) ASSERT_EQ(one.client.next(kText), numbered(i));
    EXPECT_EQ(one.stats().messages_dropped, 0u);
}

TEST_F(GroupTest, WhoHasMoreToSendIsGivenMessagesAtOnce) {
    start();
    Peer idle = join(), busy = join(), newcomer = join();
    const auto group = make_group(idle, busy);
    act([&] { send(*group, "a"); });
    for (Peer* peer : {&idle, &busy}) expect(*peer, {"a"});
    act([&] {
        send(*group, "b");
        busy.connection->send_text("own");
        send(*group, "c");
        EXPECT_EQ(busy.connection->stats().messages_sent, 4u);
        EXPECT_EQ(idle.connection->stats().messages_sent, 1u) << "at the end of the turn";
    });
    expect(idle, {"b", "c"});
    expect(busy, {"b", "own", "c"});
    act([&] {
        send(*group, "d");
        newcomer.connection->send_text("own");
        EXPECT_TRUE(group->add(*newcomer.connection));
        send(*group, "e");
        EXPECT_EQ(newcomer.connection->stats().messages_sent, 2u);
        EXPECT_EQ(busy.connection->stats().messages_sent, 4u) << "it has become idle";
    });
    expect(newcomer, {"own", "e"});
    for (Peer* peer : {&idle, &busy}) expect(*peer, {"d", "e"});
}

TEST_F(GroupTest, StatsCountWhatComesThroughEveryGroup) {
    start();
    Peer peer = join();
    const auto red = make_group(peer), blue = make_group(peer);
    for (unsigned round = 0; round < 3; ++round) {
        act([&] {
            send(*red, std::string(100, 'x'));
            send(*blue, std::string(50, 'x'));
            send(*red, "not counted", {peer.connection.get()});
            if (round == 1) {
                EXPECT_TRUE(red->remove(*peer.connection));
                EXPECT_TRUE(red->add(*peer.connection));
            }
        });
        const auto stats = peer.stats();
        EXPECT_EQ(stats.messages_sent, 2 * (round + 1));
        EXPECT_EQ(stats.bytes_sent, 150 * (round + 1));
        skip(peer, 2);
        EXPECT_TRUE(eventually([&] { return peer.stats().unsent_bytes == 0; }));
    }
    act([&] {
        EXPECT_TRUE(red->remove(*peer.connection));
        EXPECT_TRUE(blue->remove(*peer.connection));
        EXPECT_EQ(peer.connection->stats().messages_sent, 6u);
    });
}

TEST_F(GroupTest, StatsCountWhatCameThroughGroupsThatHaveEnded) {
    start();
    Peer peer = join();
    auto lasting = make_group(peer);
    act([&] { send(*lasting, "one"); });
    skip(peer, 1);
    act([&] {
        lasting.reset();
        auto brief = cryo::ConnectionGroup::create(loop());
        EXPECT_TRUE(brief->add(*peer.connection));
        send(*brief, "three");
    });
    skip(peer, 1);
    const auto stats = peer.stats();
    EXPECT_EQ(stats.messages_sent, 2u);
    EXPECT_EQ(stats.bytes_sent, 8u);
    EXPECT_TRUE(eventually([&] { return peer.stats().unsent_bytes == 0; }));
}

TEST_F(GroupTest, CompressingAndPlainMembersGetTheSame) {
    auto options = TestServer::quick_options();
    options.deflate.enabled = true;
    start(echo_handlers(), options);
    constexpr std::string_view kDeflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    Peer plain = join(), packed = join(kDeflate), last = join();
    const auto red = make_group(plain, packed, last), blue = make_group(packed, plain);
    for (int round = 0; round < 3; ++round) {
        act([&] {
            for (int i = 0; i < 100; ++i) send(i % 10 == 9 ? *blue : *red, numbered(i));
            packed.connection->send_text("own");
            send(*red, "other", {packed.connection.get()});
            send(*blue, "end");
        });
        for (Peer* peer : {&plain, &packed}) expect_numbered(*peer, 100);
        expect(plain, {"other", "end"});
        expect(packed, {"own", "end"});
        for (int i = 0; i < 100; ++i) {
            if (i % 10 != 9) {
                ASSERT_EQ(last.client.next(kText), numbered(i));
            }
        }
        expect(last, {"other"});
    }
}

TEST_F(GroupTest, TlsMembersGetTheirMessagesInOrder) {
    auto client = start_and_join_over_tls();
    const auto connection = opened();
    const auto red = make_group(), blue = make_group();
    act([&] {
        EXPECT_TRUE(red->add(*connection));
        EXPECT_TRUE(blue->add(*connection));
    });
    for (int round = 0; round < 3; ++round) {
        act([&] {
            send(*red, "a");
            connection->send_text("b");
            send(*red, "not for it", {connection.get()});
            send(*blue, "c");
            EXPECT_TRUE(blue->remove(*connection));
            send(*blue, "too late");
            send(*red, "d");
            EXPECT_TRUE(blue->add(*connection));
        });
        EXPECT_EQ(client.receive(12),
                  "\x81\x01"
                  "a\x81\x01"
                  "b\x81\x01"
                  "c\x81\x01"
                  "d");
    }
}

}  // namespace
}  // namespace cryo::test
