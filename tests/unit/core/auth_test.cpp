#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/auth.h>

namespace cryo {
namespace {

using Answer = std::optional<Identity>;

struct Answers {
    std::vector<Answer> all{};
    AuthReply reply() {
        return AuthReply([this](Answer answer) { all.push_back(std::move(answer)); });
    }
};

TEST(AuthReply, DeliversTheFirstAnswerOnly) {
    Answers answers;
    {
        AuthReply reply = answers.reply();
        reply.accept({.user = "ada", .claims = "{}"});
        reply.refuse();
        reply.accept();
    }
    ASSERT_EQ(answers.all.size(), 1u);
    EXPECT_EQ(answers.all[0], (Identity{"ada", "{}"}));
}

TEST(AuthReply, RefusesWhenDestroyedUnanswered) {
    Answers answers;
    { const AuthReply reply = answers.reply(); }
    EXPECT_EQ(answers.all, std::vector<Answer>{std::nullopt});
}

TEST(AuthReply, MovesItsRightToAnswer) {
    Answers first, second;
    AuthReply a = first.reply(), b = second.reply();
    a = std::move(b);
    EXPECT_EQ(first.all, std::vector<Answer>{std::nullopt}) << "overwritten unanswered";
    EXPECT_TRUE(second.all.empty());
    AuthReply c = std::move(a);
    c.accept();
    EXPECT_EQ(second.all, std::vector<Answer>{Identity{}});
}

struct ValidatorTest : testing::Test {
    Answer ask(ITokenValidator& validator, std::string_view token) {
        const auto answer = std::make_shared<std::promise<Answer>>();  // the pool's thread may still be in set_value
        auto result = answer->get_future();
        validator.validate({token, {}, http}, AuthReply([answer](Answer a) { answer->set_value(std::move(a)); }));
        return result.get();
    }
    HttpRequest http{};
};

TEST_F(ValidatorTest, AdaptsAPlainFunction) {
    const auto validator = make_validator([](std::string_view token) { return token == "secret"; });
    EXPECT_EQ(ask(*validator, "secret"), Identity{});
    EXPECT_EQ(ask(*validator, "other"), std::nullopt);
}

TEST_F(ValidatorTest, AThrowRefuses) {
    Answers answers;
    const auto validator = make_validator([](std::string_view) -> bool { throw std::runtime_error("no"); });
    EXPECT_THROW(validator->validate({"x", {}, http}, answers.reply()), std::runtime_error);
    EXPECT_EQ(answers.all, std::vector<Answer>{std::nullopt});
}

TEST_F(ValidatorTest, BlockingOnesRunOnThePool) {
    const auto pool = std::make_shared<WorkerPool>(2);
    const auto here = std::this_thread::get_id();
    const auto validator = make_blocking_validator(pool, [here](const std::string& token) -> Answer {
        EXPECT_TRUE(std::this_thread::get_id() != here);
        if (token == "throw") throw std::runtime_error("database is gone");
        if (token == "long token that does not fit into the string itself") return Identity{.user = "ada"};
        return std::nullopt;
    });
    EXPECT_EQ(ask(*validator, "long token that does not fit into the string itself"), (Identity{"ada", ""}));
    EXPECT_EQ(ask(*validator, "other"), std::nullopt);
    EXPECT_EQ(ask(*validator, "throw"), std::nullopt);
}

TEST_F(ValidatorTest, AFullPoolRefuses) {
    const auto pool = std::make_shared<WorkerPool>(1, 0);
    const auto validator = make_blocking_validator(pool, [](const std::string&) -> Answer { return Identity{}; });
    EXPECT_EQ(ask(*validator, "x"), std::nullopt);
}

TEST(ConstantTimeEqual, ComparesWholeSecrets) {
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("secret", "secret"));
    EXPECT_FALSE(constant_time_equal("secret", "secreT"));
    EXPECT_FALSE(constant_time_equal("secret", "secre"));
    EXPECT_FALSE(constant_time_equal("", "x"));
}

}  // namespace
}  // namespace cryo
