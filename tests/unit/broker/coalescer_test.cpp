#include "coalescer.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

/// Whose questions the test answers when it likes.
class BrokerCoalescer : public ::testing::Test {
protected:
    using Numbers = Coalescer<std::string, int>;

    void ask(const std::string& key, const std::string& caller) {
        numbers_.ask(key, [this, caller](Result<int> answer) {
            told_ += caller + '=' + (answer ? std::to_string(*answer) : "error") + ' ';
        });
    }
    /// Answers the question that was put first.
    void answer(Result<int> number) {
        auto done = std::move(questions_.front().second);
        questions_.erase(questions_.begin());
        done(std::move(number));
    }
    std::string asked() const {
        std::string keys;
        for (const auto& [key, done] : questions_) keys += key + ' ';
        return keys;
    }
    std::string told() { return std::exchange(told_, {}); }

    std::vector<std::pair<std::string, Numbers::Done>> questions_;
    std::string told_;
    Numbers numbers_{
        [this](const std::string& key, Numbers::Done done) { questions_.emplace_back(key, std::move(done)); }, 4};
};

TEST_F(BrokerCoalescer, AnAnswerIsForThoseWhoWereThereBeforeItsQuestion) {
    ask("a", "1");
    ask("a", "2");
    ask("a", "3");
    EXPECT_EQ(asked(), "a ");
    answer(10);
    EXPECT_EQ(told(), "1=10 ");
    EXPECT_EQ(asked(), "a ") << "once more, for both who came meanwhile";
    answer(20);
    EXPECT_EQ(told(), "2=20 3=20 ");
    EXPECT_EQ(asked(), "");
}

TEST_F(BrokerCoalescer, EachKeyHasItsOwnQuestion) {
    ask("a", "1");
    ask("b", "2");
    ask("b", "3");
    EXPECT_EQ(asked(), "a b ");
    answer(10);
    answer(20);
    answer(30);
    EXPECT_EQ(told(), "1=10 2=20 3=30 ");
}

TEST_F(BrokerCoalescer, AnErrorIsForAllWhoWait) {
    ask("a", "1");
    ask("a", "2");
    answer(Error{Errc::unavailable, "away"});
    EXPECT_EQ(told(), "1=error 2=error ");
    EXPECT_EQ(asked(), "");
    ask("a", "3");
    answer(10);
    EXPECT_EQ(told(), "3=10 ");
}

TEST_F(BrokerCoalescer, WhoAsksAgainWhenAnsweredWaitsForTheNext) {
    numbers_.ask("a", [this](const Result<int>&) { ask("a", "again"); });
    answer(10);
    EXPECT_EQ(told(), "");
    answer(20);
    EXPECT_EQ(told(), "again=20 ");
    EXPECT_EQ(asked(), "");
}

TEST_F(BrokerCoalescer, TooManyCallersAreRefused) {
    for (const auto* caller : {"1", "2", "3", "4", "5"}) ask(caller[0] < '3' ? "a" : "b", caller);
    EXPECT_EQ(told(), "5=error ");
    answer(10);
    EXPECT_EQ(told(), "1=10 ");
    ask("b", "6");
    EXPECT_EQ(told(), "");
}

TEST(BrokerCoalescerAtOnce, AnswersFromWithinTheCall) {
    Coalescer<int, int> twice([](int key, Coalescer<int, int>::Done done) { done(2 * key); }, 1);
    for (int i = 0; i < 3; ++i) {
        int answer = 0;
        twice.ask(i, [&](Result<int> number) { answer = *number; });
        EXPECT_EQ(answer, 2 * i);
    }
}

}  // namespace
}  // namespace cryo::broker
