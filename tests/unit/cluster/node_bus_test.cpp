#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "unit/cluster/bus_fixture.h"

namespace cryo::cluster {
namespace {

using Strings = std::vector<std::string>;

TEST(NodeBusOptions, NameEveryProblem) {
    BusOptions options;
    options.cluster = "a:b";
    options.node = std::string(65, 'n');
    options.death_after = 1500ms;
    options.max_topics = 0;
    const auto made = make_node_bus(options, LocalBroker::create()->connect());
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, Errc::invalid_option);
    for (const auto* word : {"cluster", "node", "death_after", "limits"}) {
        EXPECT_NE(made.error().message.find(word), std::string::npos) << word;
    }
    EXPECT_FALSE(make_node_bus({}, nullptr).ok());
}

TEST_F(BusTest, NodesWithoutANameGetOneOfTheirOwn) {
    a = make_node(BusOptions{});
    b = make_node(BusOptions{});
    EXPECT_EQ(a->name().size(), 32u);
    EXPECT_NE(a->name(), b->name());
}

TEST_F(BusTest, NodesFindEachOther) {
    a = make_node("a");
    settle();
    EXPECT_EQ(a->bus->health(), Health::connected);
    EXPECT_TRUE(a->bus->members().empty());
    b = make_node("b");
    settle();
    EXPECT_EQ(a->take_events(), (std::vector<MemberEvent>{{Kind::joined, b->bus->self()}}));
    EXPECT_EQ(b->take_events(), (std::vector<MemberEvent>{{Kind::joined, a->bus->self()}}));
    EXPECT_EQ(a->bus->members(), (std::vector<NodeId>{b->bus->self()}));
    EXPECT_EQ(b->health, (std::vector<Health>{Health::joining, Health::connected}));
    EXPECT_EQ(a->bus->stats().nodes, 1u);
    EXPECT_EQ(a->bus->stats().outages, 0u);
}

TEST_F(BusTest, ANewcomerKnowsEverybodyByTheTimeItIsConnected) {
    start_two();
    const auto c = make_node("c");
    while (c->bus->health() != Health::connected) {
        loop->advance(10ms);
        ASSERT_NE(c->bus->health(), Health::stopped);
    }
    EXPECT_EQ(c->bus->members().size(), 2u);
}

TEST_F(BusTest, PublicationsReachThoseWhoSubscribed) {
    start_two();
    const auto c = make_node("c");
    b->subscribe("news");
    c->subscribe("sport");
    settle();
    EXPECT_EQ(b->subscribed, (std::vector<bool>{true}));
    EXPECT_EQ(a->publish("news", "1"), SendStatus::sent);
    EXPECT_EQ(a->publish("sport", "2"), SendStatus::sent);
    EXPECT_EQ(b->publish("news", "own"), SendStatus::sent);
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"news:1"})) << "and nothing of its own";
    EXPECT_EQ(c->take_heard(), (Strings{"sport:2"}));
    EXPECT_TRUE(a->take_heard().empty());
}

TEST_F(BusTest, WhoUnsubscribedHearsNothingMore) {
    start_two();
    b->subscribe("news");
    loop->run();
    a->publish("news", "1");
    b->port->unsubscribe("news");
    loop->run();
    EXPECT_TRUE(b->take_heard().empty());
    EXPECT_EQ(b->bus->stats().topics, 0u);
    b->subscribe("news");
    loop->run();
    a->publish("news", "2");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"news:2"}));
    EXPECT_TRUE(b->gaps.empty()) << "what was not wanted is not missing";
}

TEST_F(BusTest, SubscribingTwiceIsOnce) {
    start_two();
    b->subscribe("news");
    b->subscribe("news");
    loop->run();
    EXPECT_EQ(b->subscribed, (std::vector<bool>{true, true}));
    a->publish("news", "1");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"news:1"}));
}

TEST_F(BusTest, PortsOfOneNameTalkToEachOtherOnly) {
    start_two();
    const auto other_a = open(*a, "other");
    const auto other_b = open(*b, "other");
    b->subscribe("news");
    loop->run();
    other_a->publish("news", as_bytes("from other"));
    loop->run();
    EXPECT_TRUE(b->take_heard().empty());
    other_b->subscribe("news", [](Result<>) {});
    loop->run();
    other_a->publish("news", as_bytes("from other"));
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"news:from other"}));
}

TEST_F(BusTest, ClustersOnOneBackendDoNotMix) {
    start_two();
    BusOptions options;
    options.node = "c";
    options.cluster = "another";
    const auto c = make_node(options);
    c->subscribe("news");
    settle();
    a->publish("news", "1");
    loop->run();
    EXPECT_TRUE(c->bus->members().empty());
    EXPECT_TRUE(c->take_heard().empty());
}

TEST_F(BusTest, SendsToOneNode) {
    start_two();
    EXPECT_EQ(a->send(*b, "hello"), SendStatus::sent);
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{">hello"}));
    EXPECT_EQ(a->port->send("nobody", as_bytes("x")), SendStatus::dropped);
    EXPECT_EQ(a->port->send("a", as_bytes("x")), SendStatus::dropped) << "a node does not hear itself";
    EXPECT_EQ(a->bus->stats().dropped, 2u);
}

TEST_F(BusTest, KeepsTheOrderOfOneSenderOnATopicAndToANode) {
    start_two();
    b->subscribe("t");
    loop->run();
    Strings expected;
    for (int i = 0; i < 100; ++i) {
        a->publish("t", std::to_string(i));
        a->send(*b, std::to_string(i));
        expected.push_back("t:" + std::to_string(i));
        expected.push_back(">" + std::to_string(i));
    }
    loop->run();
    EXPECT_EQ(b->take_heard(), expected);
}

TEST_F(BusTest, CallsFromOtherThreadsAreQueuedInOrder) {
    start_two();
    b->subscribe("t");
    loop->run();
    {
        const test::ManualLoop::Outside outside(*loop);
        EXPECT_EQ(a->publish("t", "1"), SendStatus::queued);
        EXPECT_EQ(a->publish("t", "2"), SendStatus::queued);
        EXPECT_EQ(a->send(*b, "3"), SendStatus::queued);
    }
    EXPECT_TRUE(b->heard.empty());
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:1", "t:2", ">3"}));
}

TEST_F(BusTest, WhatWaitsFromOtherThreadsIsLimited) {
    BusOptions options;
    options.node = "small";
    options.max_waiting_bytes = 1000;
    const auto small = make_node(options);
    settle();
    const test::ManualLoop::Outside outside(*loop);
    const std::string text(600, 'x');
    EXPECT_EQ(small->publish("t", text), SendStatus::queued);
    EXPECT_EQ(small->publish("t", text), SendStatus::dropped);
    EXPECT_EQ(small->bus->stats().dropped, 1u);
    loop->run();
    EXPECT_EQ(small->publish("t", text), SendStatus::queued) << "there is room again";
}

TEST_F(BusTest, RefusesWhatTheBackendCannotCarry) {
    broker = LocalBroker::create({.max_payload = 1000});
    start_two();
    EXPECT_EQ(a->publish("t", std::string(1000, 'x')), SendStatus::too_large);
    EXPECT_EQ(a->publish("t", std::string(800, 'x')), SendStatus::sent);
    EXPECT_EQ(a->publish(std::string(1025, 't'), "x"), SendStatus::too_large);
    const test::ManualLoop::Outside outside(*loop);
    EXPECT_EQ(a->publish("t", std::string(1000, 'x')), SendStatus::too_large);
    EXPECT_EQ(a->bus->stats().too_large, 3u);
}

TEST_F(BusTest, TopicsAreLimitedAndChecked) {
    BusOptions options;
    options.max_topics = 1;
    a = make_node(options);
    settle();
    a->subscribe("one");
    a->subscribe("two");
    a->subscribe("");
    a->subscribe(std::string(1025, 't'));
    loop->run();
    EXPECT_EQ(a->subscribed, (std::vector<bool>{true, false, false, false}));
    EXPECT_EQ(a->bus->stats().topics, 1u);
    EXPECT_EQ(a->bus->stats().refused_topics, 1u);
}

TEST_F(BusTest, AClosedPortIsSilent) {
    start_two();
    b->subscribe("t");
    loop->run();
    a->publish("t", "1");
    a->send(*b, "2");
    b->port->close();
    loop->run();
    EXPECT_TRUE(b->take_heard().empty());
    EXPECT_EQ(b->publish("t", "x"), SendStatus::closed);
    EXPECT_EQ(b->bus->stats().topics, 0u);
    EXPECT_EQ(b->bus->stats().unknown_ports, 1u);
    b->subscribe("t");
    loop->run();
    EXPECT_EQ(b->subscribed.back(), false);
    EXPECT_TRUE(b->bus->open("test", {}).ok()) << "the name is free again";
}

TEST_F(BusTest, PortsAreUniqueAndLimited) {
    BusOptions options;
    options.max_ports = 2;
    a = make_node(options);
    EXPECT_EQ(a->bus->open("test", {}).error().code, Errc::duplicate);
    EXPECT_EQ(a->bus->open("with space", {}).error().code, Errc::invalid_argument);
    EXPECT_TRUE(a->bus->open("second", {}).ok());
    EXPECT_EQ(a->bus->open("third", {}).error().code, Errc::invalid_argument);
}

TEST_F(BusTest, HandlersMayDoAnything) {
    start_two();
    const auto port = b->bus->open("bold", {.publication = [this](const NodeId&, std::string_view topic, Bytes) {
                                       b->port->unsubscribe("t");
                                       b->heard.emplace_back(topic);
                                       throw std::runtime_error("user code");
                                   }});
    ASSERT_TRUE(port.ok());
    const auto bold_a = open(*a, "bold");
    port.value()->subscribe("t", [](Result<>) { throw 1; });
    loop->run();
    bold_a->publish("t", as_bytes("1"));
    bold_a->publish("t", as_bytes("2"));
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t", "t"}));

    const auto closing = b->bus->open("closing", {});
    const auto closing_a = open(*a, "closing");
    closing.value()->close();
    loop->run();
    EXPECT_EQ(closing_a->send("b", as_bytes("x")), SendStatus::sent);
    loop->run();
    EXPECT_EQ(b->bus->stats().unknown_ports, 1u);
}

TEST_F(BusTest, HandlersMayCloseAndLetGoOfTheirOwnPort) {
    start_two();
    const auto once_a = open(*a, "once");
    std::shared_ptr<IBusPort> once;
    std::weak_ptr<IBusPort> watched;
    const auto end = [&] {
        once->close();
        once.reset();
        b->heard.emplace_back(watched.expired() ? "gone" : "held");
    };
    const auto reopen = [&] {
        PortHandlers handlers;
        handlers.message = [&](const NodeId&, Bytes) { end(); };
        handlers.question = [&](const NodeId&, Bytes, Answer) { end(); };
        once = b->bus->open("once", std::move(handlers)).value();
        watched = once;
    };
    reopen();
    once_a->send("b", as_bytes("x"));
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"held"}));
    EXPECT_TRUE(watched.expired());

    reopen();
    std::optional<Answers> answers;
    once_a->ask(as_bytes("?"), {}, [&](Answers told) { answers = std::move(told); });
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"held"}));
    EXPECT_TRUE(watched.expired());
    ASSERT_TRUE(answers);
    EXPECT_FALSE(answers->complete());
}

TEST_F(BusTest, StoppingIsAGoodbye) {
    start_two();
    const auto id = b->bus->self();
    bool done = false;
    b->bus->stop([&] { done = true; });
    loop->run();
    EXPECT_TRUE(done);
    EXPECT_EQ(a->take_events(), (std::vector<MemberEvent>{{Kind::left, id}}));
    EXPECT_TRUE(a->bus->members().empty());
    EXPECT_EQ(b->bus->health(), Health::stopped);
    EXPECT_EQ(b->publish("t", "x"), SendStatus::closed);
    bool again = false;
    b->bus->stop([&] { again = true; });
    loop->run();
    EXPECT_TRUE(again);
    b.reset();
    loop->advance(10s);
    EXPECT_EQ(a->bus->health(), Health::connected);
}

TEST_F(BusTest, PortsOutliveTheBusAndTheLoop) {
    start_two();
    const auto port = b->port;
    b->bus.reset();
    EXPECT_EQ(port->publish("t", as_bytes("x")), SendStatus::closed);
    EXPECT_EQ(port->send("a", as_bytes("x")), SendStatus::closed);
    port->subscribe("t", [](Result<>) { FAIL(); });
    loop->run();
    loop->end();
    const test::ManualLoop::Outside outside(*loop);
    EXPECT_EQ(a->publish("t", "x"), SendStatus::closed);
}

TEST_F(BusTest, AStartedBusCannotBeStartedAgain) {
    a = make_node("a");
    EXPECT_EQ(a->bus->start(loop).error().code, Errc::wrong_state);
}

}  // namespace
}  // namespace cryo::cluster
