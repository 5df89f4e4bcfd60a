#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "redis_fixture.h"

namespace cryo::test {
namespace {

using redis::Health;

class RedisCommand : public ::testing::Test {
protected:
    RedisServer server_;
    TestClient client_{server_};
};

TEST_F(RedisCommand, AnswersEveryKind) {
    EXPECT_EQ(client_.say({"SET", "k", "v"}), "OK");
    EXPECT_EQ(client_.say({"GET", "k"}), "v");
    EXPECT_EQ(client_.say({"GET", "nothing"}), "(nil)");
    EXPECT_EQ(client_.say({"INCR", "n"}), "1");
    EXPECT_EQ(client_.say({"RPUSH", "list", "a", "b"}), "2");
    EXPECT_EQ(client_.say({"LRANGE", "list", "0", "-1"}), "[a b]");
    const auto refused = client_.ask({"INCR", "k"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::refused);
    EXPECT_EQ(refused.error().message, "ERR value is not an integer or out of range");
    EXPECT_EQ(client_.stats().answers, 7u);
    EXPECT_EQ(client_.stats().refused, 1u);
}

TEST_F(RedisCommand, CarriesAnyBytes) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(client_.say({"SET", all, all + "\r\n$-1\r\n"}), "OK");
    EXPECT_EQ(client_.say({"GET", all}), all + "\r\n$-1\r\n");
    EXPECT_EQ(client_.say({"SET", "empty", ""}), "OK");
    EXPECT_EQ(client_.say({"GET", "empty"}), "");
}

TEST_F(RedisCommand, CarriesLargeValues) {
    const std::string large(20u << 20, 'x');
    EXPECT_EQ(client_.say({"SET", "large", large}), "OK");
    EXPECT_TRUE(client_.say({"GET", "large"}) == large);
    EXPECT_EQ(client_.stats().pending_bytes, 0u);
}

TEST_F(RedisCommand, PipelinesInOrderInOneWrite) {
    ASSERT_TRUE(client_.becomes(Health::ready));
    std::vector<TestClient::Words> commands;
    for (int i = 0; i < 1000; ++i) commands.push_back({"RPUSH", "order", std::to_string(i)});
    const auto answers = client_.begin_all(commands);
    for (int i = 1; i <= 1000; ++i) ASSERT_EQ(words_of(TestClient::take(answers)), std::to_string(i));
    for (int i = 0; i < 1000; i += 111) {
        EXPECT_EQ(client_.say({"LINDEX", "order", std::to_string(i)}), std::to_string(i));
    }
    // 28 kB that were written at once were also read by few system calls.
    const std::string info = server_.command({"INFO", "stats"});
    const auto at = info.find("total_reads_processed:");
    ASSERT_NE(at, std::string::npos);
    EXPECT_LT(std::stoi(info.substr(at + 22)), 200) << info;
}

TEST_F(RedisCommand, NeedsAName) {
    const auto answer = client_.ask({});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::invalid_argument);
}

TEST_F(RedisCommand, WorksWithoutACallback) {
    client_.loop().run([&] {
        (*client_).command({"SET", "quiet", "1"}, {}, {});
        (*client_).command({"INCR", "nothing", "wrong"}, {}, nullptr);
    });
    EXPECT_EQ(client_.say({"GET", "quiet"}), "1");
    EXPECT_EQ(client_.stats().refused, 1u);
}

TEST_F(RedisCommand, CallbacksNeverRunWithinTheCall) {
    const bool within = client_.loop().run([&] {
        bool called = false;
        (*client_).command(redis::Client::Words(), {}, [&called](Answer) { called = true; });
        const bool so = called;
        (*client_).stop();  // answers it
        return so || !called;
    });
    EXPECT_FALSE(within);
}

TEST_F(RedisCommand, CallbacksMaySendMore) {
    auto answers = std::make_shared<Inbox<Answer>>();
    client_.loop().run([&] {
        (*client_).command({"INCR", "n"}, {}, [this, answers](Answer) {
            (*client_).command({"INCR", "n"}, {}, [answers](Answer answer) { answers->push(std::move(answer)); });
        });
    });
    EXPECT_EQ(words_of(TestClient::take(answers)), "2");
}

TEST_F(RedisCommand, CallbacksMayDestroyTheClient) {
    auto answers = std::make_shared<Inbox<Answer>>();
    client_.loop().run([&] {
        (*client_).command({"PING"}, {}, [this](Answer) { client_.destroy_here(); });
        for (int i = 0; i < 10; ++i) {
            (*client_).command({"PING"}, {}, [answers](Answer answer) { answers->push(std::move(answer)); });
        }
    });
    for (int i = 0; i < 10; ++i) {
        const auto answer = TestClient::take(answers);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
    }
}

TEST_F(RedisCommand, WhatCallbacksThrowIsToldToTheServer) {
    auto answers = std::make_shared<Inbox<Answer>>();
    client_.loop().run([&] {
        (*client_).command({"PING"}, {}, [](Answer) { throw std::runtime_error("oops"); });
        (*client_).command({"PING"}, {}, [answers](Answer answer) { answers->push(std::move(answer)); });
    });
    EXPECT_EQ(words_of(TestClient::take(answers)), "PONG");
    const auto error = client_.loop().errors().next();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Errc::user_code);
    EXPECT_NE(error->message.find("oops"), std::string::npos);
}

TEST_F(RedisCommand, StopAnswersWhatIsPending) {
    ASSERT_TRUE(client_.becomes(Health::ready));
    ASSERT_EQ(server_.command({"CLIENT", "PAUSE", "60000"}), "OK");
    const auto sent = client_.begin({"INCR", "n"});
    const auto unsent = std::make_shared<Inbox<Answer>>();
    client_.loop().run([&] {
        (*client_).command({"INCR", "n"}, {}, [unsent](Answer answer) { unsent->push(std::move(answer)); });
        (*client_).stop();
        if (unsent->size() != 1) unsent->push(Error{Errc::wrong_state, "not answered before stop returned"});
    });
    EXPECT_EQ(TestClient::take(sent).error().code, Errc::outcome_unknown);
    EXPECT_EQ(TestClient::take(unsent).error().code, Errc::unavailable);
    EXPECT_EQ(client_.health(), Health::stopped);
    EXPECT_EQ(client_.ask({"PING"}).error().code, Errc::unavailable);
    EXPECT_EQ(client_.stats().pending, 0u);
}

TEST_F(RedisCommand, EndsAfterItsLoop) {
    ASSERT_TRUE(client_.becomes(Health::ready));
    ASSERT_EQ(server_.command({"CLIENT", "PAUSE", "60000"}), "OK");
    const auto answers = client_.begin({"PING"});
    client_.loop().end();
    client_.destroy_here();
    const auto answer = TestClient::take(answers);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
}

TEST_F(RedisCommand, RunsScripts) {
    const redis::Script script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
    EXPECT_EQ(words_of(client_.run(script, {"n"}, {"a"})), "[n a 1]");
    EXPECT_EQ(words_of(client_.run(script, {"n"}, {"b"})), "[n b 2]");
    EXPECT_EQ(server_.command({"SCRIPT", "EXISTS", std::string(script.sha1())}), "1");
    EXPECT_EQ(server_.command({"SCRIPT", "FLUSH"}), "OK");
    EXPECT_EQ(words_of(client_.run(script, {"n"}, {"c"})), "[n c 3]");
    EXPECT_EQ(client_.stats().commands, 3u);
    EXPECT_EQ(client_.stats().refused, 0u);
}

TEST_F(RedisCommand, PassesOnWhatScriptsRefuse) {
    const redis::Script script("return redis.error_reply('MINE is refused')");
    const auto answer = client_.run(script, {}, {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::refused);
    EXPECT_EQ(answer.error().message, "MINE is refused");
    EXPECT_EQ(
        words_of(client_.run(redis::Script("return {1, {2, {3, {4}}}, redis.error_reply('IN an array')}"), {}, {})),
        "[1 [2 [3 [4]]] -IN an array]");
}

}  // namespace
}  // namespace cryo::test
