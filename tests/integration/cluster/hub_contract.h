#pragma once
// What hubs that are joined over every `IPubSub` have to do. Included by the test of each, which says
//   INSTANTIATE_TEST_SUITE_P(Nats, HubContract, ::testing::Values(maker), maker_name);

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/cluster/bus_backend.h"
#include "integration/cluster/hub_node.h"
#include "integration/cluster/pub_sub_contract.h"
#include "support/child_process.h"

namespace cryo::test {

class HubContract : public ::testing::TestWithParam<BusBackendMaker> {
protected:
    using Strings = std::vector<std::string>;
    using Target = hub::Target;
    using Audience = hub::Audience;
    using Outcome = hub::Outcome;

    void SetUp() override {
        a = std::make_unique<HubNode>(quick_bus("a"), backend->connect());
        b = std::make_unique<HubNode>(quick_bus("b"), backend->connect());
        ASSERT_TRUE(eventually([&] { return all_connected(); }));
    }
    bool all_connected() const {
        return a->connected() && b->connected() && a->bus().members().size() == 1 && b->bus().members().size() == 1;
    }
    static bool got(const HubNode::Peer& peer, const Strings& expected) {
        return eventually([&] { return peer.got().size() >= expected.size(); }) && peer.got() == expected;
    }

    std::unique_ptr<BusBackend> backend = GetParam().make();
    std::unique_ptr<HubNode> a, b;
};

TEST_P(HubContract, EveryKindOfTargetIsReachedElsewhere) {
    const auto here = a->attach({.id = "1", .user = "ada", .session = "phone", .topics = {"red"}});
    const auto there = b->attach({.id = "2", .user = "ada", .session = "desk", .topics = {"red"}});
    const auto other = b->attach({.id = "3", .user = "bob", .topics = {"blue"}});
    a->publish(Target::topic("red"), "topic");
    a->publish(Target::user("ada"), "user");
    a->publish(Target::session("ada", "desk"), "session");
    a->publish(Target::connection("2"), "connection");
    a->publish(Target::everybody(), "everybody");
    for (const auto* text : {"topic", "user", "session", "connection", "everybody"}) {
        EXPECT_TRUE(eventually([&] {
            const auto all = there.got();
            return std::find(all.begin(), all.end(), text) != all.end();
        })) << text;
    }
    EXPECT_EQ(there.got().size(), 5u);
    EXPECT_EQ(here.got(), (Strings{"topic", "user", "everybody"}));
    EXPECT_TRUE(got(other, {"everybody"}));
}

TEST_P(HubContract, EachGetsAPublicationOnceHoweverOftenItIsMeant) {
    const auto both = b->attach({.id = "1", .user = "ada", .topics = {"red", "blue"}});
    const auto red = b->attach({.id = "2", .topics = {"red"}});
    const auto none = b->attach({.id = "3", .topics = {"red"}});
    const auto blue_here = a->attach({.id = "4", .topics = {"blue"}});
    const Audience audience({Target::topic("red"), Target::topic("blue"), Target::user("ada"), Target::connection("4")},
                            {Target::connection("3")});
    for (int i = 0; i < 10; ++i) a->publish(audience, std::to_string(i));
    EXPECT_EQ(a->publish_and_wait(audience, "last"), (Outcome{3, true}));
    Strings expected;
    for (int i = 0; i < 10; ++i) expected.push_back(std::to_string(i));
    expected.emplace_back("last");
    EXPECT_TRUE(got(both, expected));
    EXPECT_TRUE(got(red, expected));
    EXPECT_TRUE(got(blue_here, expected));
    EXPECT_TRUE(none.got().empty());
}

TEST_P(HubContract, OneThatChangesItsTopicsWithEveryPublicationGetsEachOnce) {
    const auto there = b->attach({.topics = {"red", "blue"}});
    const auto red = b->attach({.topics = {"red"}});  // so that both topics are wanted there all the time
    auto& subscriber = *there.subscriber;
    b->on_loop([&] {
        there.receiver->on_delivery = [&] {
            if (!subscriber.unsubscribe("red") && !subscriber.subscribe("red")) ADD_FAILURE();
        };
    });
    Strings expected;
    for (int i = 0; i < 200; ++i) {
        expected.push_back(std::to_string(i));
        a->publish(Audience({Target::topic("red"), Target::topic("blue")}, {}), expected.back());
    }
    expected.emplace_back("last");
    EXPECT_TRUE(a->publish_and_wait(Target::topic("red"), "last of red").complete);
    EXPECT_TRUE(a->publish_and_wait(Target::topic("blue"), "last").complete);
    auto all = there.got();
    std::erase(all, "last of red");  // it may have been in there at that moment
    EXPECT_EQ(all, expected);
}

TEST_P(HubContract, MoreTargetsThanCopiesReachEveryoneOnce) {
    const auto one = b->attach({.topics = {"t1", "t30"}});
    std::vector<Target> targets;
    for (int i = 0; i < 40; ++i) targets.push_back(Target::topic("t" + std::to_string(i)));
    EXPECT_EQ(a->publish_and_wait({targets, {}}, "x"), (Outcome{1, true}));
    EXPECT_EQ(one.got(), (Strings{"x"}));
}

TEST_P(HubContract, AnAudienceThatCannotBeSaidWholeStaysHereAndIsIncomplete) {
    const auto here = a->attach({.topics = {"t"}}), there = b->attach({.topics = {"t"}});
    const std::vector<Target> except(65'536, Target::user("nobody"));
    EXPECT_EQ(a->publish_and_wait(Audience({Target::topic("t")}, except), "x"), (Outcome{1, false}));
    EXPECT_EQ(a->count(Audience({Target::topic("t")}, except)), (Outcome{1, false}));
    EXPECT_FALSE(a->list(Audience({Target::topic("t")}, except)).complete);
    EXPECT_EQ(a->publish_and_wait(Target::topic("t"), "y"), (Outcome{2, true}));
    EXPECT_TRUE(got(here, {"x", "y"}));
    EXPECT_TRUE(got(there, {"y"}));
}

TEST_P(HubContract, TheOrderOfAPublisherIsKept) {
    const auto there = b->attach({.topics = {"t"}});
    Strings expected;
    for (int i = 0; i < 500; ++i) {
        expected.push_back(std::to_string(i));
        a->publish(Target::topic("t"), expected.back());
    }
    EXPECT_TRUE(got(there, expected));
}

TEST_P(HubContract, ASettledSubscriberIsReachedAtOnce) {
    for (int i = 0; i < 50; ++i) {
        const auto id = "id" + std::to_string(i);
        const auto there = b->attach({.id = id});
        EXPECT_EQ(a->publish_and_wait(Target::connection(id), "welcome"), (Outcome{1, true}));
        EXPECT_EQ(there.got(), (Strings{"welcome"}));
    }
}

TEST_P(HubContract, OutcomesCountTheReceiversOfAllNodes) {
    const auto here = a->attach({.topics = {"t"}});
    const auto there = b->attach({.topics = {"t"}});
    const auto there_too = b->attach({.topics = {"t"}});
    EXPECT_EQ(a->publish_and_wait(Target::topic("t"), "x"), (Outcome{3, true}));
    EXPECT_EQ(b->publish_and_wait(Target::topic("nobody's"), "x"), (Outcome{0, true}));
    EXPECT_EQ(a->count(Target::topic("t")), (Outcome{3, true}));
    EXPECT_EQ(a->count(Target::everybody()), (Outcome{3, true}));
}

TEST_P(HubContract, ListsGatherOverNodes) {
    const auto here = a->attach({.id = "1", .user = "ada", .topics = {"t"}});
    const auto there = b->attach({.id = "2", .user = "bob", .session = "desk", .topics = {"t", "u"}});
    const auto listing = a->list(Target::topic("t"));
    EXPECT_TRUE(listing.complete);
    ASSERT_EQ(listing.subscribers.size(), 2u);
    const auto& far = listing.subscribers[listing.subscribers[0].id == "2" ? 0 : 1];
    EXPECT_EQ(far.id, "2");
    EXPECT_EQ(far.user, "bob");
    EXPECT_EQ(far.session, "desk");
    EXPECT_EQ(far.topics, (Strings{"t", "u"}));
    EXPECT_EQ(far.remote_address, "192.0.2.7");
    EXPECT_GT(far.since, std::chrono::system_clock::now() - std::chrono::minutes(10));
    const auto topics = a->list_topics("");
    EXPECT_TRUE(topics.complete);
    EXPECT_THAT(topics.topics, ::testing::UnorderedElementsAre(hub::TopicCount{"t", 2}, hub::TopicCount{"u", 1}));
}

TEST_P(HubContract, DisconnectsElsewhere) {
    const auto there = b->attach({.id = "1", .user = "ada"});
    a->publish(Target::user("ada"), "before");
    EXPECT_EQ(a->disconnect(Target::user("ada"), 4001), (Outcome{1, true}));
    EXPECT_EQ(there.receiver->close_code(), 4001);
    EXPECT_EQ(there.got(), (Strings{"before"})) << "in the order of the calls";
}

TEST_P(HubContract, ChangesAreInEffectWhenDone) {
    const auto there = b->attach({.id = "1", .user = "ada"});
    for (int i = 0; i < 20; ++i) {
        const auto topic = "t" + std::to_string(i);
        EXPECT_EQ(a->change({.audience = Target::user("ada"), .topics = {topic}}), (Outcome{1, true}));
        EXPECT_EQ(a->publish_and_wait(Target::topic(topic), topic), (Outcome{1, true}));
    }
    EXPECT_EQ(there.got().size(), 20u);
    EXPECT_EQ(a->change({.audience = Target::user("ada"), .topics = {"t0"}, .subscribe = false}), (Outcome{1, true}));
    EXPECT_EQ(a->publish_and_wait(Target::topic("t0"), "x"), (Outcome{0, true}));
}

TEST_P(HubContract, WhileAwayLocalServiceGoesOnAndSaysSo) {
    const auto here = a->attach({.topics = {"t"}});
    const auto there = b->attach({.topics = {"t"}});
    backend->stop_server();
    ASSERT_TRUE(eventually(
        [&] { return a->bus().health() == cluster::Health::away && b->bus().health() == cluster::Health::away; }));
    const auto outcome = a->publish_and_wait(Target::topic("t"), "local");
    EXPECT_EQ(outcome, (Outcome{1, false})) << "one here, and who knows how many elsewhere";
    EXPECT_EQ(here.got(), (Strings{"local"}));
    const auto late = a->attach({.id = "late", .topics = {"new"}});  // does not wait for the backend
    EXPECT_FALSE(a->list(Target::everybody()).complete);

    backend->start_server();
    ASSERT_TRUE(eventually([&] { return all_connected(); }));
    EXPECT_TRUE(eventually([&] {
        return b->publish_and_wait(Target::topic("new"), "caught up") == Outcome{1, true};
    })) << "what was subscribed meanwhile is in effect";
    EXPECT_EQ(b->publish_and_wait(Target::topic("t"), "again"), (Outcome{2, true}));
    EXPECT_TRUE(got(here, {"local", "again"}));
    EXPECT_TRUE(got(there, {"again"}));
}

TEST_P(HubContract, AKilledProcessesReceiversAreForgottenInTime) {
    auto program = backend->node_program();
    if (program.empty()) GTEST_SKIP() << "lives in this process only";
    const auto here = a->attach({.id = "here", .user = "ada", .topics = {"t"}});
    program.insert(program.end(), {"child", "ada", "t", "child-1", "child-2"});
    ChildProcess child(program);
    ASSERT_TRUE(eventually([&] { return b->count(Target::topic("t")) == Outcome{3, true}; }));
    ASSERT_EQ(a->list(Target::user("ada")).subscribers.size(), 3u);
    ASSERT_EQ(a->publish_and_wait(Target::connection("child-1"), "x"), (Outcome{1, true}));

    child.end(SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    for (auto* node : {a.get(), b.get()}) {
        EXPECT_TRUE(eventually([&] { return node->count(Target::topic("t")) == Outcome{1, true}; }));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - killed, kForgottenWithin);
    for (auto* node : {a.get(), b.get()}) {
        EXPECT_EQ(node->count(Target::everybody()), (Outcome{1, true}));
        EXPECT_EQ(node->count(Target::connection("child-2")), (Outcome{0, true}));
        const auto listing = node->list(Target::user("ada"));
        EXPECT_TRUE(listing.complete);
        ASSERT_EQ(listing.subscribers.size(), 1u);
        EXPECT_EQ(listing.subscribers[0].id, "here");
        EXPECT_THAT(node->list_topics("").topics, ::testing::ElementsAre(hub::TopicCount{"t", 1}));
        EXPECT_EQ(node->publish_and_wait(Target::connection("child-1"), "x"), (Outcome{0, true}));
        EXPECT_EQ(node->publish_and_wait(Target::topic("t"), "y"), (Outcome{1, true}));
    }
    EXPECT_TRUE(got(here, {"y", "y"}));
}

TEST_P(HubContract, NodesThatDieAndComeBackAllTheTimeDeliverNothingTwice) {
    const auto short_lived = [](std::string name) {
        auto options = quick_bus(std::move(name));
        options.cluster = "short-lived";
        options.heartbeat_interval = std::chrono::milliseconds(25);
        options.death_after = std::chrono::milliseconds(60);
        return options;
    };
    HubNode from(short_lived("from"), backend->connect()), to(short_lived("to"), backend->connect());
    const auto peer = to.attach({.topics = {"red", "blue"}});
    std::atomic<bool> ending{false};
    std::thread publisher([&] {
        for (int next = 0; !ending; ++next) {
            from.publish(Audience({Target::topic("red"), Target::topic("blue")}, {}), std::to_string(next));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    EXPECT_TRUE(eventually([&] { return !peer.got().empty(); }));
    const auto lives = from.bus().stats().epochs + to.bus().stats().epochs;
    for (int round = 0; round < 20; ++round) {
        auto& hangs = round % 2 == 0 ? from : to;
        hangs.on_loop([] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
        const auto heard = peer.got().size();
        EXPECT_TRUE(eventually([&] { return peer.got().size() > heard; })) << "it is heard again";
    }
    ending = true;
    publisher.join();
    EXPECT_GE(from.bus().stats().epochs + to.bus().stats().epochs, lives + 10) << "they did die";
    EXPECT_TRUE(eventually([&] { return from.publish_and_wait(Target::topic("red"), "end") == Outcome{1, true}; }));
    auto all = peer.got();
    std::erase(all, "end");
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << "twice";
    EXPECT_TRUE(eventually([&] { return to.count(Target::topic("red")) == Outcome{1, true}; }));
}

TEST_P(HubContract, ADeadNodesReceiversAreForgotten) {
    const auto here = a->attach({.topics = {"t"}});
    auto there = b->attach({.topics = {"t"}});
    EXPECT_EQ(a->count(Target::topic("t")), (Outcome{2, true}));
    backend->silence(1);
    EXPECT_TRUE(eventually([&] { return a->bus().members().empty(); }));
    EXPECT_EQ(a->count(Target::topic("t")), (Outcome{1, true}));
    EXPECT_EQ(a->publish_and_wait(Target::topic("t"), "x"), (Outcome{1, true})) << "nobody waits for the dead";
    backend->restore(1);
    ASSERT_TRUE(eventually([&] { return all_connected(); }));
    EXPECT_EQ(a->count(Target::topic("t")), (Outcome{2, true}));
    EXPECT_EQ(a->publish_and_wait(Target::topic("t"), "y"), (Outcome{2, true}));
}

}  // namespace cryo::test
