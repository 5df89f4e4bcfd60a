#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/cluster/local_pub_sub.h>
#include <cryo/cluster/node_bus.h>

#include "support/manual_loop.h"

namespace cryo::cluster {

using namespace std::chrono_literals;

/// A node with one port, and what it was told.
struct TestNode {
    std::string name() const { return bus->self().name; }
    SendStatus publish(std::string_view topic, std::string_view text) { return port->publish(topic, as_bytes(text)); }
    SendStatus send(const TestNode& to, std::string_view text) { return port->send(to.name(), as_bytes(text)); }
    void subscribe(std::string_view topic) {
        port->subscribe(topic, [this](Result<> result) { subscribed.push_back(result.ok()); });
    }
    std::vector<std::string> take_heard() { return std::exchange(heard, {}); }
    std::vector<MemberEvent> take_events() { return std::exchange(events, {}); }

    std::shared_ptr<INodeBus> bus{};
    const IPubSub* link = nullptr;
    std::shared_ptr<IBusPort> port{};
    std::vector<std::string> heard{};  ///< `topic:payload` of publications, `>payload` of messages.
    std::vector<MemberEvent> events{};
    std::vector<Health> health{};
    std::vector<std::string> gaps{};
    std::vector<bool> subscribed{};
};

/// Several nodes on one loop whose time the test moves.
class BusTest : public ::testing::Test {
protected:
    using Kind = MemberEvent::Kind;

    /// What was posted by nodes that did not stop keeps them, and they the loop.
    void TearDown() override {
        a.reset();
        b.reset();
        loop->end();
    }

    std::unique_ptr<TestNode> make_node(const std::string& name) {
        BusOptions options;
        options.node = name;
        return make_node(std::move(options));
    }

    std::unique_ptr<TestNode> make_node(BusOptions options) {
        auto node = std::make_unique<TestNode>();
        auto link = broker->connect();
        node->link = link.get();
        auto made = make_node_bus(std::move(options), std::move(link));
        EXPECT_TRUE(made.ok());
        node->bus = made.value();
        node->port = open(*node, "test");
        EXPECT_TRUE(node->bus->start(loop).ok());
        return node;
    }

    static std::shared_ptr<IBusPort> open(TestNode& node, std::string_view name) {
        PortHandlers handlers;
        handlers.publication = [&node](const NodeId&, std::string_view topic, Bytes payload) {
            node.heard.push_back(std::string(topic) + ':' + std::string(as_text(payload)));
        };
        handlers.message = [&node](const NodeId&, Bytes payload) {
            node.heard.push_back('>' + std::string(as_text(payload)));
        };
        handlers.question = [](const NodeId&, Bytes question, Answer answer) {
            answer.give(as_bytes("re:" + std::string(as_text(question))));
        };
        handlers.member = [&node](const MemberEvent& event) { node.events.push_back(event); };
        handlers.health = [&node](Health health) { node.health.push_back(health); };
        handlers.gap = [&node](const NodeId& from, std::string_view topic) {
            node.gaps.push_back(from.name + '/' + std::string(topic));
        };
        auto opened = node.bus->open(name, std::move(handlers));
        EXPECT_TRUE(opened.ok());
        return opened.value();
    }

    /// Two nodes that know each other and have nothing to report.
    void start_two() {
        a = make_node("a");
        b = make_node("b");
        settle();
        for (auto* node : {a.get(), b.get()}) node->take_events();
    }
    /// Time for nodes to get to know each other.
    void settle() { loop->advance(2500ms); }

    std::shared_ptr<test::ManualLoop> loop = std::make_shared<test::ManualLoop>();
    std::shared_ptr<LocalBroker> broker = LocalBroker::create();
    std::unique_ptr<TestNode> a, b;
};

}  // namespace cryo::cluster
