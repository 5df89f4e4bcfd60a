#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cluster_options.h"

namespace cryo::test {
namespace {

using redis::Health;
using std::chrono::milliseconds;

std::string place_of(const RedisServer& server) { return "127.0.0.1:" + std::to_string(server.port()); }

TEST(RedisSentinel, FindsTheMasterAndFollowsIt) {
    RedisReplicaSet set;
    TestClient client(options_for(set));
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    EXPECT_TRUE(client.log().has("connected to " + place_of(set.first()))) << client.log().text();
    ASSERT_TRUE(set.fail_over());
    ASSERT_TRUE(eventually([&] { return client.log().has("connected to " + place_of(set.second())); }))
        << client.log().text();
    EXPECT_EQ(client.say({"SET", "k", "after"}), "OK");
    EXPECT_EQ(set.second().command({"GET", "k"}), "after");
}

TEST(RedisSentinel, NoWriteIsLostWhenTheMasterIsDemotedUnderIt) {
    RedisReplicaSet set;
    auto options = options_for(set);
    options.sentinel->check_interval = milliseconds(10'000);  // what the old master says is noticed first
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::ready));
    ASSERT_TRUE(set.fail_over());
    // The Sentinel would do it within 10 seconds.
    ASSERT_EQ(set.first().command({"REPLICAOF", "127.0.0.1", std::to_string(set.second().port())}), "OK");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(client.say({"RPUSH", "list", "x"}), std::to_string(i + 1));
    EXPECT_EQ(set.second().command({"LLEN", "list"}), "10");
}

TEST(RedisSentinel, WritesAgainAfterTheMasterDied) {
    RedisReplicaSet set(3);
    TestClient client(options_for(set));
    ASSERT_EQ(client.say({"SET", "k", "v"}), "OK");
    set.sentinel(0).stop();
    set.first().stop();
    ASSERT_TRUE(client.becomes(Health::away));
    // Waits for the failover, which takes some seconds.
    EXPECT_EQ(client.say({"SET", "k", "after"}), "OK") << client.log().text();
    EXPECT_EQ(set.second().command({"GET", "k"}), "after");
}

TEST(RedisSentinel, RefusesAMasterThatIsNone) {
    // The Sentinel is told to watch a replica, and takes it for the master until it has asked it.
    RedisServer master;
    RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
    RedisReplicaSet set;
    auto options = TestClient::options_for(master);
    options.sentinel = redis::SentinelOptions{.addresses = {{.host = "127.0.0.1", .port = set.sentinel(0).port()}},
                                              .master_name = "stale"};
    ASSERT_EQ(
        set.sentinel(0).command({"SENTINEL", "MONITOR", "stale", "127.0.0.1", std::to_string(replica.port()), "9"}),
        "OK");
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("is a slave, not a master")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

TEST(RedisSentinel, SaysThatNobodyKnowsTheMaster) {
    RedisReplicaSet set;
    auto options = options_for(set);
    options.sentinel->master_name = "other";
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("knows no master named 'other'")) << client.log().text();
}

TEST(RedisSentinel, AsksTheNextOneWhenOneIsAway) {
    RedisReplicaSet set;
    auto options = options_for(set);
    options.sentinel->addresses.insert(options.sentinel->addresses.begin(), {.host = "127.0.0.1", .port = free_port()});
    TestClient client(options);
    EXPECT_EQ(client.say({"PING"}), "PONG");
}

TEST(RedisSentinel, LogsInToBoth) {
    RedisReplicaSet set(1, {}, {"--requirepass", "sentinel-pw"});
    auto options = options_for(set);
    options.sentinel->credentials.password = "sentinel-pw";
    TestClient client(options);
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    options.sentinel->credentials.password = "wrong";
    TestClient refused(options);
    ASSERT_TRUE(refused.becomes(Health::away));
    EXPECT_TRUE(refused.log().has("AUTH refused")) << refused.log().text();
}

}  // namespace
}  // namespace cryo::test
