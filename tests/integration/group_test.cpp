// Groups of connections: who gets what is sent to them, and in which order.

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "group_fixture.h"

namespace cryo::test {
namespace {

// -- members ---------------------------------------------------------------------------------------------------------

TEST_F(GroupTest, SendsToItsMembersAndNobodyElse) {
    start();
    Peer first = join(), second = join(), outside = join();
    const auto group = make_group();
    act([&] {
        send(*group, "nobody hears this");
        EXPECT_EQ(group->size(), 0u);
        EXPECT_TRUE(group->add(*first.connection));
        EXPECT_TRUE(group->add(*second.connection));
        EXPECT_FALSE(group->add(*first.connection)) << "twice";
        EXPECT_EQ(group->size(), 2u);
        EXPECT_TRUE(group->contains(*first.connection));
        EXPECT_FALSE(group->contains(*outside.connection));
    });
    for (int round = 0; round < 3; ++round) {
        act([&] { send(*group, "a"); });
        for (Peer* member : {&first, &second}) expect(*member, {"a"});
    }
    act([&] {
        EXPECT_TRUE(group->remove(*first.connection));
        EXPECT_FALSE(group->remove(*first.connection)) << "twice";
        EXPECT_FALSE(group->remove(*outside.connection));
        EXPECT_EQ(group->size(), 1u);
        send(*group, "b");
    });
    expect(second, {"b"});
    expect_end(first, second, outside);
}

TEST_F(GroupTest, WhoClosesLeavesAllGroupsAndGetsInNoMore) {
    start();
    Peer closing = join(), cut = join(), leaving = join(), other = join();
    std::vector<GroupHandle> groups;
    for (int i = 0; i < 50; ++i) groups.push_back(make_group(closing, other, cut, leaving));
    act([&] {
        for (const auto& group : groups) send(*group, "before");
        closing.connection->close(4000);
        cut.connection->destroy();
        for (const auto& group : groups) {
            EXPECT_EQ(group->size(), 2u);
            EXPECT_FALSE(group->contains(*closing.connection));
            EXPECT_FALSE(group->remove(*closing.connection));
            EXPECT_FALSE(group->add(*closing.connection));
            EXPECT_FALSE(group->add(*cut.connection));
            send(*group, "after");
        }
    });
    for (int i = 0; i < 50; ++i) expect(closing, {"before"});
    EXPECT_EQ(closing.client.next().value().close_code(), 4000);
    for (Peer* peer : {&other, &leaving}) {
        for (int i = 0; i < 50; ++i) expect(*peer, {"before"});
        for (int i = 0; i < 50; ++i) expect(*peer, {"after"});
    }
    leaving.client.socket().reset();
    EXPECT_TRUE(eventually([&] { return act([&] { return groups.front()->size() == 1; }); }));
    act([&] {
        for (const auto& group : groups) EXPECT_EQ(group->size(), 1u);
        send(*groups.back(), "later");
    });
    expect(other, {"later"});
}

TEST_F(GroupTest, WhoJoinsGetsWhatIsSentFromThenOn) {
    start();
    Peer member = join(), newcomer = join();
    const auto group = make_group(member), other_group = make_group(newcomer);
    act([&] {
        send(*group, "a");
        send(*other_group, "b");
        EXPECT_TRUE(group->add(*newcomer.connection));
        send(*group, "c");
        send(*other_group, "d");
    });
    expect(member, {"a", "c"});
    expect(newcomer, {"b", "c", "d"});
}

TEST_F(GroupTest, WhoLeavesGetsWhatWasSentBefore) {
    start();
    Peer leaving = join(), other = join();
    const auto group = make_group(leaving, other), stays_in = make_group(leaving);
    for (int round = 0; round < 3; ++round) {
        act([&] {
            send(*stays_in, "a");
            send(*group, "b");
            EXPECT_TRUE(group->remove(*leaving.connection));
            send(*group, "c");
            send(*stays_in, "d");
            EXPECT_TRUE(group->add(*leaving.connection));
            send(*group, "e");
        });
        expect(leaving, {"a", "b", "d", "e"});
        expect(other, {"b", "c", "e"});
    }
    act([&] {
        send(*group, "last");
        EXPECT_TRUE(stays_in->remove(*leaving.connection));
        EXPECT_TRUE(group->remove(*leaving.connection));
        send(*group, "too late");
    });
    expect(leaving, {"last"});
    expect_end(leaving);
}

TEST_F(GroupTest, MembersComeAndGoInAnyOrder) {
    start();
    std::vector<Peer> peers;
    for (int i = 0; i < 12; ++i) peers.push_back(join());
    const auto group = make_group(), always = make_group();
    act([&] {
        for (const Peer& peer : peers) EXPECT_TRUE(always->add(*peer.connection));
    });
    for (unsigned pattern : {0xfffu, 0x001u, 0x800u, 0x555u, 0xaaau, 0x0f0u, 0x7feu, 0x000u, 0x421u}) {
        const auto is_in = [&](std::size_t i) { return (pattern >> i & 1u) != 0; };
        act([&] {
            for (std::size_t i = 0; i < peers.size(); ++i) {
                Connection& connection = *peers[i].connection;
                if (is_in(i) != group->contains(connection)) {
                    EXPECT_TRUE(is_in(i) ? group->add(connection) : group->remove(connection));
                }
            }
            send(*group, std::to_string(pattern));
            send(*always, "always");
        });
        for (std::size_t i = 0; i < peers.size(); ++i) {
            if (is_in(i)) expect(peers[i], {std::to_string(pattern)});
            expect(peers[i], {"always"});
        }
    }
}

TEST_F(GroupTest, WhoOpensMayJoinAndIsSentToAtOnce) {
    GroupHandle group;
    start({.open = [&](Connection& self) {
        if (!group) group = new_group();
        EXPECT_TRUE(group->add(self));
        send(*group, "welcome");
    }});
    Peer first = join();
    expect(first, {"welcome"});
    Peer second = join();
    for (Peer* peer : {&first, &second}) expect(*peer, {"welcome"});
    act([&] { send(*group, "a"); });
    for (Peer* peer : {&first, &second}) expect(*peer, {"a"});
}

// -- order -----------------------------------------------------------------------------------------------------------

TEST_F(GroupTest, SendsToSeveralGroupsAndToOneAloneKeepTheirOrder) {
    start();
    Peer both = join(), in_red = join(), in_blue = join(), outside = join();
    const auto red = make_group(both, in_red), blue = make_group(in_blue, both);
    for (int round = 0; round < 4; ++round) {
        act([&] {
            send(*red, "a");
            send(*blue, "b");
            send(*red, "c");
            if (round == 1) in_red.connection->send_text("own");
            if (round % 2 == 1) both.connection->send_text("own");
            broadcast("to all");
            send(*blue, "d");
            send(*red, "e");
        });
        if (round % 2 == 1) {
            expect(both, {"a", "b", "c", "own", "to all", "d", "e"});
        } else {
            expect(both, {"a", "b", "c", "to all", "d", "e"});
        }
        expect(in_red, {"a", "c"});
        if (round == 1) expect(in_red, {"own"});
        expect(in_red, {"to all", "e"});
        expect(in_blue, {"b", "to all", "d"});
        expect(outside, {"to all"});
    }
}

TEST_F(GroupTest, ConnectionsMayBeInVeryManyGroups) {
    start();
    constexpr int kGroups = 1000;
    Peer all = join(), even = join(), third = join();
    std::vector<GroupHandle> groups;
    act([&] {
        for (int i = 0; i < kGroups; ++i) {
            groups.push_back(new_group());
            groups.back()->add(*all.connection);
            if (i % 2 == 0) groups.back()->add(*even.connection);
            if (i % 3 == 0) groups.back()->add(*third.connection);
        }
    });
    for (int round = 0; round < 2; ++round) {
        act([&] {
            for (int i = 0; i < kGroups; ++i) send(*groups[static_cast<std::size_t>(i)], std::to_string(i));
        });
        for (int i = 0; i < kGroups; ++i) {
            const auto text = std::to_string(i);
            ASSERT_EQ(all.client.next(kText), text);
            if (i % 2 == 0) {
                ASSERT_EQ(even.client.next(kText), text);
            }
            if (i % 3 == 0) {
                ASSERT_EQ(third.client.next(kText), text);
            }
        }
    }
    act([&] {
        for (int i = 0; i < kGroups; i += 2) EXPECT_TRUE(groups[static_cast<std::size_t>(i)]->remove(*all.connection));
        for (const auto& group : groups) send(*group, "again");
    });
    for (int i = 0; i < kGroups / 2; ++i) expect(all, {"again"});
    expect_end(all);
}

TEST_F(GroupTest, MoreThanOneTurnShouldHoldArrivesInOrder) {
    start();
    Peer both = join(), one = join();
    const auto large = make_group(both, one), small = make_group(both);
    const std::string text(20'000, 'x');
    act([&] {
        for (int i = 0; i < 100; ++i) {
            send(*large, text + std::to_string(i));
            send(*small, std::to_string(i));
        }
        for (int i = 0; i < 5000; ++i) send(*small, "");
    });
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(one.client.next(kText) == text + std::to_string(i)) << i;
        ASSERT_TRUE(both.client.next(kText) == text + std::to_string(i)) << i;
        ASSERT_EQ(both.client.next(kText), std::to_string(i));
    }
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(both.client.next(kText), "");
    expect_end(both, one);
}

TEST_F(GroupTest, SendsOfOtherThreadsKeepTheirPlaceBetweenThoseToGroups) {
    start();
    Peer peer = join(), other = join();
    const auto red = make_group(peer, other), blue = make_group(peer);
    for (int round = 0; round < 3; ++round) {
        std::promise<void> begun, sent;
        std::thread sender([&] {
            begun.get_future().wait();
            EXPECT_EQ(peer.connection->send_text("c"), SendStatus::queued);
            sent.set_value();
        });
        act([&] {
            send(*red, "a");
            send(*blue, "b");
            begun.set_value();
            sent.get_future().wait();
            send(*red, "d");
            send(*blue, "e");
            EXPECT_EQ(peer.connection->send_text("f"), SendStatus::queued);
            send(*blue, "not for it", {peer.connection.get()});
            send(*red, "g");
        });
        sender.join();
        expect(peer, {"a", "b", "c", "d", "e", "f", "g"});
        expect(other, {"a", "d", "g"});
    }
}

// -- left out --------------------------------------------------------------------------------------------------------

TEST_F(GroupTest, WhoIsLeftOutOfASendMissesThatAlone) {
    start();
    Peer first = join(), second = join(), third = join(), outside = join();
    const auto group = make_group(first, second, third), other_group = make_group(second);
    for (int round = 0; round < 3; ++round) {
        act([&] {
            send(*group, "a", {second.connection.get()});
            send(*other_group, "b");
            send(*group, "c", {first.connection.get(), outside.connection.get(), nullptr, third.connection.get()});
            send(*group, "d");
            if (round == 1) second.connection->send_text("own");
            send(*group, "e", {second.connection.get(), second.connection.get()});
            send(*group, "f", {first.connection.get(), second.connection.get(), third.connection.get()});
            send(*group, "g");
        });
        expect(second, {"b", "c", "d"});
        if (round == 1) expect(second, {"own"});
        expect(second, {"g"});
        for (Peer* peer : {&first, &third}) expect(*peer, {"a", "d", "e", "g"});
    }
    act([&] { send(*group, "last", {first.connection.get()}); });
    for (Peer* peer : {&second, &third}) expect(*peer, {"last"});
    expect_end(first, second, third, outside);
}

TEST_F(GroupTest, AHandlerRelaysToTheOthers) {
    GroupHandle group;
    WebSocketHandlers handlers;
    handlers.text = [&](Connection& self, std::string_view text) {
        send(*group, text, {&self});
        self.send_text("sent");
    };
    start(std::move(handlers));
    Peer first = join(), second = join(), third = join();
    group = make_group(first, second, third);
    for (int round = 0; round < 3; ++round) {
        for (Peer* speaker : {&first, &second, &third}) {
            speaker->client.send(frame(kText, "one") + frame(kText, "two"));
            expect(*speaker, {"sent", "sent"});
            for (Peer* peer : {&first, &second, &third}) {
                if (peer != speaker) expect(*peer, {"one", "two"});
            }
        }
    }
}

// -- the ends of groups and loops ------------------------------------------------------------------------------------

TEST_F(GroupTest, WhatWasSentBeforeAGroupEndsArrives) {
    start();
    Peer first = join(), second = join();
    auto group = make_group(first, second), other_group = make_group(second, first);
    act([&] {
        send(*group, "a");
        send(*other_group, "b");
        group.reset();
        send(*other_group, "c");
        other_group.reset();
        first.connection->send_text("own");
    });
    expect(first, {"a", "b", "c", "own"});
    expect(second, {"a", "b", "c"});
    act([&] {
        group = new_group();
        EXPECT_TRUE(group->add(*first.connection));
        send(*group, "d");
    });
    expect(first, {"d"});
    expect_end(first, second);
}

TEST_F(GroupTest, OutlivesConnectionsServerAndLoop) {
    start();
    Peer peer = join();
    const auto group = make_group(peer);
    const auto late = ConnectionGroup::create(loop());
    act([&] { send(*group, "a"); });
    expect(peer, {"a"});
    server_.reset();
    for (const auto* one : {group.get(), late.get()}) EXPECT_EQ(one->size(), 0u);
    send(*group, "nobody hears this");
    EXPECT_FALSE(group->add(*peer.connection));
    EXPECT_FALSE(group->remove(*peer.connection));
    EXPECT_FALSE(group->contains(*peer.connection));
    EXPECT_EQ(ConnectionGroup::create(nullptr), nullptr);
}

TEST_F(GroupTest, TakesConnectionsOfItsLoopOnly) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    Inbox<std::thread::id> threads;
    start({}, options);
    const auto group = make_group();
    std::size_t own = 0, foreign = 0;
    std::vector<Peer> peers;
    while (own < 2 || foreign < 2) {
        ASSERT_LT(peers.size(), 1000u) << "the kernel spreads connections";
        peers.push_back(join());
        Connection& connection = *peers.back().connection;
        const bool is_own = on_loop(connection, [&] { return loop()->in_loop_thread(); });
        ++(is_own ? own : foreign);
        act([&] {
            EXPECT_EQ(group->add(connection), is_own);
            EXPECT_EQ(group->contains(connection), is_own);
            send(*group, "a", {&connection});
            if (!is_own) {
                EXPECT_FALSE(group->remove(connection));
            }
        });
    }
    act([&] { send(*group, "end"); });
    std::size_t got = 0;
    for (Peer& peer : peers) {
        if (!act([&] { return group->contains(*peer.connection); })) continue;
        ++got;
        for (auto text = peer.client.next(kText); text != "end"; text = peer.client.next(kText)) ASSERT_EQ(text, "a");
    }
    EXPECT_EQ(got, own);
}

}  // namespace
}  // namespace cryo::test
