#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_options.h"

namespace cryo::test {
namespace {

using redis::Health;
using std::chrono::milliseconds;

TEST(RedisClusterFault, SaysThatAServerIsNoCluster) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.cluster = redis::ClusterOptions{.seeds = {options.address}};
    options.command_timeout = milliseconds(500);
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("does not tell the slots of a cluster: ERR")) << client.log().text();
    EXPECT_EQ(client.ask({"GET", "k"}).error().code, Errc::unavailable);
}

TEST(RedisClusterFault, WaitsForSlotsThatAreNobodys) {
    RedisCluster cluster;
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_EQ(cluster.node(i).command({"CLUSTER", "DELSLOTS", "866"}), "OK");  // of "hello"
    }
    auto options = options_for(cluster);
    options.command_timeout = milliseconds(500);
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away)) << client.log().text();
    const auto answer = client.ask({"SET", "hello", "v"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::unavailable) << answer.error().message;
    const auto later = client.begin({"SET", "hello", "v"}, {.timeout = kPatience});
    ASSERT_EQ(cluster.node(0).command({"CLUSTER", "ADDSLOTS", "866"}), "OK");
    EXPECT_EQ(words_of(TestClient::take(later)), "OK");
    EXPECT_TRUE(client.becomes(Health::ready));
}

TEST(RedisClusterFault, FollowsAFailover) {
    RedisCluster cluster(3, true);
    TestClient client(options_for(cluster));
    ASSERT_TRUE(client.becomes(Health::ready));
    const std::string key = "hello";  // slot 866, of the first node
    ASSERT_EQ(client.say({"SET", key, "1"}), "OK");
    ASSERT_TRUE(RedisCluster::fail_over(cluster.node(3)));
    EXPECT_EQ(client.say({"INCR", key}), "2");
    EXPECT_EQ(cluster.node(3).command({"GET", key}), "2");
}

TEST(RedisClusterFault, WritesAgainAfterAMasterDied) {
    RedisCluster cluster(3, true);
    TestClient client(options_for(cluster));
    ASSERT_TRUE(client.becomes(Health::ready));
    ASSERT_EQ(client.say({"SET", "hello", "1"}), "OK");
    ASSERT_TRUE(eventually([&] { return cluster.node(3).command({"DBSIZE"}) == "1"; }));
    cluster.node(0).stop();
    ASSERT_TRUE(client.becomes(Health::away));
    // Waits until the replica has taken over, which takes some seconds.
    EXPECT_EQ(client.say({"INCR", "hello"}), "2") << client.log().text();
    EXPECT_EQ(client.say({"SET", "foo", "other shards go on"}), "OK");
    EXPECT_TRUE(client.becomes(Health::ready)) << client.log().text();
}

TEST(RedisClusterFault, StopAnswersWhatIsPending) {
    RedisCluster cluster;
    TestClient client(options_for(cluster));
    ASSERT_TRUE(client.becomes(Health::ready));
    for (std::size_t i = 0; i < 3; ++i) cluster.node(i).pause();
    std::vector<TestClient::Words> commands;
    for (int i = 0; i < 20; ++i) commands.push_back({"INCR", "k" + std::to_string(i)});
    const auto answers = client.begin_all(commands);
    client.loop().finish_turn();
    client.stop();
    EXPECT_EQ(answers->size(), 20u);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(TestClient::take(answers).error().code, Errc::outcome_unknown);
    EXPECT_EQ(client.stats().pending, 0u);
}

TEST(RedisClusterFault, StopAnswersWhatIsOnItsWayToAnotherNode) {
    RedisCluster cluster;
    RedisCluster::begin_move(866, cluster.node(0), cluster.node(1));  // of "hello"
    for (std::size_t round = 0; round < 2; ++round) {
        const std::size_t to = 1 - round;  // nodes are stopped in their order: once the old one last, once the new one
        TestClient client(options_for(cluster));
        ASSERT_TRUE(client.becomes(Health::ready));
        cluster.end_move(866, cluster.node(to));
        const auto answers = std::make_shared<Inbox<Answer>>();
        const auto send = [&](std::initializer_list<std::string_view> words, redis::Client::Callback callback) {
            (*client).command(redis::Client::Words(words.begin(), words.size()), {}, std::move(callback));
        };
        const auto publish = [&] {
            for (int i = 0; i < 100; ++i) {
                send({"SPUBLISH", "hello", "x"}, [answers](Answer answer) { answers->push(std::move(answer)); });
            }
        };
        client.loop().run([&] {
            publish();
            // The old node answers this one amid the others: half of them have come back, half are still there.
            send({"GET", to == 1 ? "bar" : "c"}, [&client](const Answer&) { (*client).stop(); });
            publish();
        });
        ASSERT_TRUE(client.becomes(Health::stopped));
        EXPECT_EQ(client.stats().redirected, 100u);
        EXPECT_EQ(client.stats().pending, 0u);
        EXPECT_EQ(answers->size(), 200u) << "each once, wherever it was";
    }
}

}  // namespace
}  // namespace cryo::test
