#include <string>

#include <gtest/gtest.h>

#include "cluster_options.h"

namespace cryo::test {
namespace {

using redis::Health;

class RedisClusterTest : public ::testing::Test {
protected:
    RedisCluster cluster_;
};

TEST_F(RedisClusterTest, SendsCommandsToTheNodeOfTheirKey) {
    TestClient client(options_for(cluster_));
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(client.say({"SET", "k" + std::to_string(i), std::to_string(i)}), "OK");
    }
    EXPECT_EQ(client.stats().redirected, 0u);
    std::size_t keys = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto here = std::stoul(cluster_.node(i).command({"DBSIZE"}));
        EXPECT_GT(here, 10u);
        keys += here;
    }
    EXPECT_EQ(keys, 100u);
    EXPECT_EQ(client.health(), Health::ready);
    EXPECT_TRUE(client.log().has("ready: connected to 3 nodes of the cluster")) << client.log().text();
}

TEST_F(RedisClusterTest, SendsCommandsWithoutAKeyAnywhere) {
    TestClient client(options_for(cluster_));
    EXPECT_EQ(client.say({"PING"}), "PONG");
    EXPECT_EQ(client.say({"OBJECT", "HELP"}, {.key = "k"}).substr(0, 7), "[OBJECT");
}

TEST_F(RedisClusterTest, RunsScriptsOnKeysOfOneSlot) {
    TestClient client(options_for(cluster_));
    const redis::Script script("redis.call('SET', KEYS[1], ARGV[1]); return redis.call('INCR', KEYS[2])");
    for (const std::string user : {"ann", "bob", "eve", "joe"}) {
        EXPECT_EQ(words_of(client.run(script, {"{" + user + "}name", "{" + user + "}n"}, {user})), "1");
        EXPECT_EQ(client.say({"GET", "{" + user + "}name"}), user);
    }
    const auto apart = client.run(script, {"a", "b"}, {"x"});
    ASSERT_FALSE(apart);
    EXPECT_EQ(apart.error().code, Errc::invalid_argument);
}

TEST_F(RedisClusterTest, FollowsASlotThatMoves) {
    TestClient client(options_for(cluster_));
    const std::string key = "{moving}a";
    const std::string other = "{moving}b";
    const std::size_t slot = redis::slot_of_key(key);
    RedisServer& from = cluster_.node(slot * 3 / RedisCluster::kSlots);
    RedisServer& to = cluster_.add_master();
    ASSERT_EQ(client.say({"SET", key, "1"}), "OK");
    ASSERT_EQ(client.say({"SET", other, "1"}), "OK");

    RedisCluster::begin_move(slot, from, to);
    EXPECT_EQ(client.say({"INCR", key}), "2") << "it is still where it was";
    RedisCluster::move_key(key, from, to);
    EXPECT_EQ(client.say({"INCR", key}), "3") << "ASK";
    EXPECT_EQ(client.say({"INCR", "{moving}new"}), "1") << "ASK: what does not exist is made where the slot goes";
    const auto split = client.begin({"MGET", key, other});  // TRYAGAIN, until the other one has come too
    EXPECT_EQ(client.say({"INCR", other}), "2");
    RedisCluster::move_key(other, from, to);
    EXPECT_EQ(words_of(TestClient::take(split)), "[3 2]");

    cluster_.end_move(slot, to);
    EXPECT_EQ(client.say({"INCR", key}), "4") << "MOVED";
    EXPECT_EQ(to.command({"GET", key}), "4");
    ASSERT_TRUE(client.becomes(Health::ready)) << client.log().text();
    const auto redirected = client.stats().redirected;
    EXPECT_GE(redirected, 4u);
    EXPECT_EQ(client.say({"INCR", key}), "5");
    EXPECT_EQ(client.stats().redirected, redirected) << "it has learned where the slot is";
}

TEST_F(RedisClusterTest, RunsScriptsOnASlotThatMoves) {
    TestClient client(options_for(cluster_));
    const redis::Script script("return redis.call('INCR', KEYS[1])");
    const std::string key = "{moving}n";
    const std::size_t slot = redis::slot_of_key(key);
    RedisServer& from = cluster_.node(slot * 3 / RedisCluster::kSlots);
    RedisServer& to = cluster_.add_master();
    EXPECT_EQ(words_of(client.run(script, {key}, {})), "1");
    RedisCluster::begin_move(slot, from, to);
    RedisCluster::move_key(key, from, to);
    EXPECT_EQ(words_of(client.run(script, {key}, {})), "2") << "ASK, then unknown there";
    cluster_.end_move(slot, to);
    EXPECT_EQ(words_of(client.run(script, {key}, {})), "3");
}

TEST_F(RedisClusterTest, FindsTheNodesThroughAnySeed) {
    auto options = options_for(cluster_);
    options.cluster->seeds = {{.host = "127.0.0.1", .port = free_port()},
                              {.host = "localhost", .port = cluster_.node(2).port()}};
    TestClient client(options);
    for (const auto* key : {"a", "b", "c", "d"}) EXPECT_EQ(client.say({"SET", key, "v"}), "OK");
    EXPECT_TRUE(client.becomes(Health::ready));
}

}  // namespace
}  // namespace cryo::test
