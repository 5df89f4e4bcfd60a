#include <algorithm>
#include <optional>

#include "unit/cluster/bus_fixture.h"

namespace cryo::cluster {
namespace {

class AskTest : public BusTest {
protected:
    using Missing = std::vector<Answers::Missing>;
    using Why = Answers::Why;

    void SetUp() override {
        start_two();
        c = make_node("c");
        settle();
    }

    void ask(AskOptions options = {}, std::string_view question = "q") {
        got.reset();
        a->port->ask(as_bytes(question), std::move(options), [this](Answers answers) { got = std::move(answers); });
    }
    std::vector<std::string> texts() const {
        std::vector<std::string> result;
        for (const auto& one : got->answers) result.push_back(one.node.name + '=' + std::string(as_text(one.payload)));
        std::sort(result.begin(), result.end());
        return result;
    }
    /// A node's port that keeps its right to answer.
    std::shared_ptr<IBusPort> open_slow(TestNode& node, std::string_view name) {
        auto port = node.bus->open(
            name, {.question = [this](const NodeId&, Bytes, Answer answer) { kept.emplace_back(std::move(answer)); }});
        return port.value();
    }

    std::unique_ptr<TestNode> c;
    std::optional<Answers> got;
    std::vector<Answer> kept;
};

TEST_F(AskTest, AllAnswer) {
    ask();
    EXPECT_FALSE(got) << "never from within the call";
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->complete());
    EXPECT_EQ(texts(), (std::vector<std::string>{"b=re:q", "c=re:q"}));
    EXPECT_EQ(a->bus->stats().asks, 0u);
}

TEST_F(AskTest, ThoseGivenAnswer) {
    ask({.nodes = {"c", "c"}});
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->complete());
    EXPECT_EQ(texts(), (std::vector<std::string>{"c=re:q"}));
}

TEST_F(AskTest, AnUnknownNodeIsMissingAtOnce) {
    ask({.nodes = {"c", "nobody"}});
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_FALSE(got->complete());
    EXPECT_EQ(got->missing, (Missing{{"nobody", Why::gone}}));
    EXPECT_EQ(got->answers.size(), 1u);
}

TEST_F(AskTest, TheSilentAreMissingAtTheDeadline) {
    const auto slow = open_slow(*b, "slow");
    const auto quick = open(*c, "slow");
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("q"), {.timeout = 500ms}, [this](Answers answers) { got = std::move(answers); });
    loop->advance(450ms);
    EXPECT_FALSE(got);
    loop->advance(100ms);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->missing, (Missing{{"b", Why::late}}));
    EXPECT_EQ(texts(), (std::vector<std::string>{"c=re:q"}));
    EXPECT_EQ(a->bus->stats().timed_out_asks, 1u);
    got.reset();
    kept.at(0).give(as_bytes("too late"));
    loop->advance(1s);
    EXPECT_FALSE(got) << "done once";
}

TEST_F(AskTest, AnAnswerMayComeLaterFromAnotherThread) {
    const auto slow = open_slow(*b, "slow");
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("q"), {.nodes = {"b"}}, [this](Answers answers) { got = std::move(answers); });
    loop->advance(1s);
    ASSERT_EQ(kept.size(), 1u);
    {
        const test::ManualLoop::Outside outside(*loop);
        kept[0].give(as_bytes("late"));
        kept[0].give(as_bytes("twice"));
    }
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_EQ(texts(), (std::vector<std::string>{"b=late"}));
}

TEST_F(AskTest, NoAnswerIsSaidAtOnce) {
    const auto slow = open_slow(*b, "slow");  // c has no such port
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("q"), {}, [this](Answers answers) { got = std::move(answers); });
    loop->run();
    EXPECT_FALSE(got);
    kept.clear();
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->missing.size(), 2u);
    for (const auto& missing : got->missing) EXPECT_EQ(missing.why, Why::declined) << missing.node;
}

TEST_F(AskTest, NobodyWaitsForTheDead) {
    const auto slow = open_slow(*b, "slow");
    const auto slow_c = open_slow(*c, "slow");
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("q"), {.timeout = 60s}, [this](Answers answers) { got = std::move(answers); });
    loop->run();
    broker->set_silent(*b->link, true);
    loop->advance(5s);
    EXPECT_FALSE(got);
    c->bus->stop([] {});
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->missing, (Missing{{"b", Why::gone}, {"c", Why::gone}}));
}

TEST_F(AskTest, AloneTheResultIsPartial) {
    broker->set_available(false);
    loop->run();
    ask();
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->alone);
    EXPECT_FALSE(got->complete());
    EXPECT_EQ(got->missing, (Missing{{"b", Why::unsent}, {"c", Why::unsent}}));
    loop->advance(10s);
    ask();
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->missing.empty()) << "none is known any more";
    EXPECT_FALSE(got->complete()) << "and that says nothing";
}

TEST_F(AskTest, AsksAndQuestionsAreLimited) {
    BusOptions options;
    options.node = "d";
    options.max_asks = 1;
    options.max_questions = 1;
    const auto d = make_node(options);
    settle();
    const auto slow = open_slow(*b, "slow");
    const auto slow_d = open_slow(*d, "slow");
    std::vector<Answers> results;
    const auto keep = [&](Answers answers) { results.push_back(std::move(answers)); };
    slow_d->ask(as_bytes("1"), {.nodes = {"b"}}, keep);
    slow_d->ask(as_bytes("2"), {.nodes = {"b"}}, keep);
    loop->run();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].missing, (Missing{{"b", Why::unsent}}));

    results.clear();
    kept.clear();
    loop->run();
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("1"), {.nodes = {"d"}}, keep);
    asker->ask(as_bytes("2"), {.nodes = {"d"}}, keep);
    loop->run();
    ASSERT_EQ(results.size(), 2u) << "one is the answer to d's own question";
    EXPECT_EQ(results[1].missing, (Missing{{"d", Why::declined}}));
}

TEST_F(AskTest, AnswersAreLimitedInSize) {
    BusOptions options;
    options.node = "d";
    options.max_answer_bytes = 10;
    const auto d = make_node(options);
    settle();
    d->port->ask(as_bytes("12345"), {.nodes = {"a", "b"}}, [this](Answers answers) { got = std::move(answers); });
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->answers.size(), 1u);
    EXPECT_EQ(got->missing.size(), 1u);
    EXPECT_EQ(got->missing[0].why, Why::declined);
}

TEST_F(AskTest, StoppingEndsWhatWaits) {
    const auto slow = open_slow(*b, "slow");
    const auto asker = open(*a, "slow");
    asker->ask(as_bytes("q"), {.nodes = {"b"}}, [this](Answers answers) { got = std::move(answers); });
    loop->run();
    a->bus->stop([] {});
    loop->run();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->missing, (Missing{{"b", Why::unsent}}));
    kept.clear();  // b answers nobody
    loop->run();
}

}  // namespace
}  // namespace cryo::cluster
