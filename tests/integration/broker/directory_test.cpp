// How an API finds out in Redis who is connected where.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include "deployment.h"

namespace cryo::test {
namespace {

class BrokerDirectory : public ::testing::Test {
protected:
    RedisServer& redis() { return deployment_.redis(); }
    bool eventually_blocked(int clients) {
        const auto line = "blocked_clients:" + std::to_string(clients) + "\r";
        return eventually([&] { return redis().command({"INFO", "clients"}).find(line) != std::string::npos; });
    }

    Deployment deployment_{Deployment::Kind::redis, [](broker::BrokerOptions& options) {
                               options.redis->command_timeout = options.confirm_timeout = kPatience;
                           }};
};

TEST_F(BrokerDirectory, SearchesOnceForManyCallers) {
    constexpr std::uint64_t kCallers = 40;
    auto client = deployment_.join("user=ada&channels=c");
    const auto asked = deployment_.api().broker().stats().requests;
    const int searched = redis().calls("smembers");
    redis().pause();
    std::vector<std::thread> callers;
    for (std::uint64_t i = 0; i < kCallers; ++i) {
        callers.emplace_back([this] { EXPECT_EQ(deployment_.post("/send?type=text&channel=c", "x"), kSuccess); });
    }
    EXPECT_TRUE(eventually([&] { return deployment_.api().broker().stats().requests == asked + kCallers; }));
    redis().resume();
    for (auto& caller : callers) caller.join();
    for (std::uint64_t i = 0; i < kCallers; ++i) EXPECT_EQ(client.text(), "x");
    EXPECT_LT(redis().calls("smembers") - searched, 10) << "one under way, and those who came meanwhile together";
}

/// Also when others' searches, begun before the change, are under way.
TEST_F(BrokerDirectory, WhatIsSentAfterAChangeMeetsItWhileOthersSend) {
    auto client = deployment_.join("user=ada");
    std::atomic<bool> over = false;
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&] {
            while (!over) deployment_.post("/send?type=text&channel=c", BrokerClient::kMarker);
        });
    }
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(deployment_.post("/channel/subscribe/c?user=ada"), kSuccess);
        const auto text = "to its members " + std::to_string(i);
        EXPECT_EQ(deployment_.post("/send?type=text&channel=c", text), kSuccess);
        EXPECT_EQ(client.text(), text);
        EXPECT_EQ(deployment_.post("/channel/unsubscribe/c?user=ada"), kSuccess);
    }
    over = true;
    for (auto& other : others) other.join();
}

/// Its worker writes it again while the API, which found no hash for its id, is about to take it out.
TEST_F(BrokerDirectory, PutsAConnectionBackThatReturnedMeanwhile) {
    deployment_.worker().stop();  // nobody else writes
    const int taken_out = redis().calls("srem");
    redis().command({"SADD", "channel:c", "x"});
    redis().command({"CLIENT", "PAUSE", "60000", "WRITE"});
    std::thread worker([this] {
        const std::unique_ptr<redisContext, decltype(&redisFree)> connection(redisConnect("127.0.0.1", redis().port()),
                                                                             redisFree);
        freeReplyObject(redisCommand(connection.get(), "EVAL %s 0",
                                     "redis.call('HSET', 'conn:x', 'workerId', 'elsewhere') "
                                     "redis.call('SADD', 'channel:c', 'x')"));
    });
    EXPECT_TRUE(eventually_blocked(1));
    EXPECT_EQ(deployment_.post("/send?type=text&channel=c", "x"), kSuccess);
    EXPECT_TRUE(eventually_blocked(2));
    redis().command({"CLIENT", "UNPAUSE"});
    worker.join();
    EXPECT_TRUE(eventually([&] { return redis().calls("srem") == taken_out + 1; }));
    EXPECT_TRUE(eventually([&] { return redis().command({"SMEMBERS", "channel:c"}) == "x"; }));
}

}  // namespace
}  // namespace cryo::test
