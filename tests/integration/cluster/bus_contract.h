#pragma once
// What a bus over every `IPubSub` has to do, faults included. Included by the test of each, which says
//   INSTANTIATE_TEST_SUITE_P(Nats, BusContract, ::testing::Values(maker), maker_name);

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "integration/cluster/bus_backend.h"
#include "integration/cluster/bus_node.h"
#include "integration/cluster/pub_sub_contract.h"
#include "support/child_process.h"

namespace cryo::test {

using cluster::Health;
using cluster::MemberEvent;
using cluster::NodeId;

class BusContract : public ::testing::TestWithParam<BusBackendMaker> {
protected:
    using Strings = std::vector<std::string>;
    using Kind = MemberEvent::Kind;

    std::unique_ptr<BusNode> make_node(const std::string& name) {
        return std::make_unique<BusNode>(quick_bus(name), backend->connect());
    }
    /// Two that know each other; b has the topic "t".
    void start_two() {
        a = make_node("a");
        b = make_node("b");
        ASSERT_TRUE(eventually([&] { return know_each_other(); }));
        ASSERT_TRUE(b->subscribe("t"));
    }
    bool know_each_other() const { return a->connected() && b->connected() && a->knows(*b) && b->knows(*a); }

    /// Publishes until it arrives.
    bool reaches(BusNode& from, BusNode& to, std::string_view text) {
        const auto wanted = "t=" + std::string(text);
        return eventually([&] {
            from.publish("t", text);
            const auto heard = to.heard();
            return std::find(heard.begin(), heard.end(), wanted) != heard.end();
        });
    }

    /// Publishes numbers from a thread of its own while things go wrong.
    class Stream {
    public:
        explicit Stream(BusNode& node)
            : thread_([this, &node] {
                  while (!ending_) {
                      node.publish("t", std::to_string(next_++));
                      std::this_thread::sleep_for(std::chrono::milliseconds(1));
                  }
              }) {}
        ~Stream() { end(); }
        void end() {
            ending_ = true;
            if (thread_.joinable()) thread_.join();
        }

    private:
        std::atomic<bool> ending_{false};
        int next_ = 0;
        std::thread thread_;
    };
    /// Rising numbers: in order, and none twice.
    static void expect_rising(const BusNode& node) {
        int before = -1;
        for (const auto& text : node.heard()) {
            if (text.compare(0, 2, "t=") != 0 || !std::isdigit(static_cast<unsigned char>(text[2]))) continue;
            const int number = std::stoi(text.substr(2));
            ASSERT_GT(number, before);
            before = number;
        }
        EXPECT_GE(before, 0) << "nothing arrived";
    }

    std::unique_ptr<BusBackend> backend = GetParam().make();
    std::unique_ptr<BusNode> a, b;
};

TEST_P(BusContract, NodesComeAndGo) {
    start_two();
    EXPECT_TRUE(a->saw(Kind::joined, b->bus().self()));
    const auto id = b->bus().self();
    b.reset();
    EXPECT_TRUE(eventually([&] { return a->saw(Kind::left, id); }));
    EXPECT_TRUE(a->bus().members().empty());
    EXPECT_FALSE(a->saw(Kind::died, id));
}

TEST_P(BusContract, PublicationsGoByInterestAndInTheOrderOfEachThread) {
    start_two();
    const auto c = make_node("c");
    ASSERT_TRUE(c->subscribe("other"));
    ASSERT_TRUE(eventually([&] { return a->knows(*c); }));
    const auto before = c->bus().stats().backend.received;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 300; ++i) a->publish("t", std::to_string(thread) + ' ' + std::to_string(i));
        });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_TRUE(eventually([&] { return b->heard().size() >= 900; }));
    std::map<char, int> next;
    for (const auto& text : b->heard()) EXPECT_EQ(std::stoi(text.substr(4)), next[text[2]]++);
    EXPECT_TRUE(c->heard().empty());
    EXPECT_LT(c->bus().stats().backend.received, before + 900) << "the backend did not send it there";
}

TEST_P(BusContract, MessagesGoToOneNode) {
    start_two();
    Strings sent;
    for (int i = 0; i < 100; ++i) {
        sent.push_back(std::to_string(i));
        a->port().send("b", as_bytes(sent.back()));
    }
    EXPECT_TRUE(eventually([&] { return b->heard().size() >= sent.size(); }));
    EXPECT_EQ(b->heard(), sent);
}

TEST_P(BusContract, AsksAreAnsweredByAll) {
    start_two();
    const auto c = make_node("c");
    ASSERT_TRUE(eventually([&] { return c->connected() && c->knows(*a) && c->knows(*b); }));
    const auto all = c->ask("q");
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->complete());
    Strings texts;
    for (const auto& one : all->answers) texts.emplace_back(as_text(one.payload));
    std::sort(texts.begin(), texts.end());
    EXPECT_EQ(texts, (Strings{"a:q", "b:q"}));
    const auto one = c->ask("q", {.nodes = {"b", "nobody"}});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->answers.size(), 1u);
    EXPECT_FALSE(one->complete());
}

TEST_P(BusContract, ACutNodeIsForgottenAndReturnsInANewLife) {
    start_two();
    ASSERT_TRUE(a->subscribe("t"));
    const auto before = b->bus().self();
    const auto epoch_a = a->bus().self().epoch;
    Stream stream(*a);
    ASSERT_TRUE(eventually([&] { return !b->heard().empty(); }));
    backend->cut(1);
    ASSERT_TRUE(eventually([&] { return b->bus().health() == Health::away; }));
    EXPECT_EQ(b->publish("t", "alone"), SendStatus::queued);
    const auto partial = b->ask("q");
    ASSERT_TRUE(partial);
    EXPECT_FALSE(partial->complete());
    EXPECT_TRUE(eventually([&] { return a->saw(Kind::died, before); }));
    EXPECT_TRUE(eventually([&] { return b->bus().members().empty(); })) << "no ghosts on this side either";
    backend->restore(1);
    ASSERT_TRUE(eventually([&] { return know_each_other(); }));
    EXPECT_GT(b->bus().self().epoch, before.epoch);
    EXPECT_EQ(a->bus().self().epoch, epoch_a);
    EXPECT_TRUE(reaches(*a, *b, "again")) << "its subscriptions are in effect";
    stream.end();
    expect_rising(*b);
    for (const auto& text : a->heard()) EXPECT_NE(text, "t=alone");
    EXPECT_GE(b->bus().stats().dropped, 1u);
    EXPECT_EQ(b->bus().stats().outages, 1u);
}

TEST_P(BusContract, ASilentLinkIsNoticed) {
    start_two();
    const auto before = b->bus().self();
    backend->silence(1);
    EXPECT_TRUE(eventually([&] { return b->bus().health() == Health::away; }));
    EXPECT_TRUE(eventually([&] { return b->bus().members().empty() && a->saw(Kind::died, before); }));
    EXPECT_EQ(a->bus().health(), Health::connected);
    backend->restore(1);
    ASSERT_TRUE(eventually([&] { return know_each_other(); }));
    EXPECT_GT(b->bus().self().epoch, before.epoch);
    EXPECT_TRUE(reaches(*a, *b, "again"));
}

TEST_P(BusContract, AServerMayStartAnew) {
    start_two();
    Stream stream(*a);
    ASSERT_TRUE(eventually([&] { return !b->heard().empty(); }));
    backend->stop_server();
    ASSERT_TRUE(eventually([&] { return a->bus().health() == Health::away && b->bus().health() == Health::away; }));
    const auto waiting = std::make_shared<Inbox<bool>>();
    b->port().subscribe("new", [waiting](Result<> result) { waiting->push(result.ok()); });
    backend->start_server();
    ASSERT_TRUE(eventually([&] { return know_each_other(); }));
    EXPECT_EQ(waiting->next(), std::optional(true)) << "what was asked for meanwhile is made up for";
    EXPECT_TRUE(reaches(*a, *b, "again"));
    stream.end();
    expect_rising(*b);
    EXPECT_GE(a->bus().stats().dropped, 1u);
}

TEST_P(BusContract, AKilledProcessIsForgottenAndMayStartAnew) {
    auto program = backend->node_program();
    if (program.empty()) GTEST_SKIP() << "lives in this process only";
    a = make_node("a");
    program.emplace_back("child");
    ChildProcess first(program);
    ASSERT_TRUE(eventually([&] { return a->member("child").has_value(); }));
    const auto id = *a->member("child");
    const auto killed = std::chrono::steady_clock::now();
    first.end(SIGKILL);
    ASSERT_TRUE(eventually([&] { return a->saw(Kind::died, id); }));
    const auto silent_for = std::chrono::steady_clock::now() - killed;
    EXPECT_GT(silent_for, kAliveFor - kHeartbeat) << "not before its time";
    EXPECT_LT(silent_for, kForgottenWithin);
    EXPECT_TRUE(a->bus().members().empty());
    const auto after = a->ask("q");
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->complete()) << "nobody waits for the dead";

    ChildProcess second(program);
    ASSERT_TRUE(eventually([&] { return a->member("child").has_value(); }));
    EXPECT_NE(a->member("child")->epoch, id.epoch);
    const auto answers = a->ask("q");
    ASSERT_TRUE(answers);
    EXPECT_EQ(answers->answers.size(), 1u);
}

TEST_P(BusContract, APausedProcessWakesUpInANewLife) {
    auto program = backend->node_program();
    if (program.empty()) GTEST_SKIP() << "lives in this process only";
    a = make_node("a");
    ASSERT_TRUE(a->subscribe("t"));
    program.emplace_back("child");
    const ChildProcess child(program);
    ASSERT_TRUE(eventually([&] { return a->member("child").has_value() && !a->heard().empty(); }));
    const auto id = *a->member("child");
    child.signal(SIGSTOP);
    ASSERT_TRUE(eventually([&] { return a->saw(Kind::died, id); }));
    EXPECT_TRUE(a->bus().members().empty());
    const auto heard = a->heard().size();
    child.signal(SIGCONT);
    ASSERT_TRUE(eventually([&] { return a->member("child").has_value(); }));
    EXPECT_GT(a->member("child")->epoch, id.epoch);
    EXPECT_TRUE(eventually([&] { return a->heard().size() > heard; })) << "it is heard again";
    expect_rising(*a);
    const auto answers = a->ask("q");
    ASSERT_TRUE(answers);
    EXPECT_EQ(answers->answers.size(), 1u);
}

}  // namespace cryo::test
