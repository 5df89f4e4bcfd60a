#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_options.h"
#include "test_subscriber.h"

namespace cryo::test {
namespace {

using redis::Health;

std::vector<std::string> channels(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back("channel:" + std::to_string(i));
    return names;
}

TEST(RedisClusterSubscriber, HearsWhatIsPublishedOnAnyNode) {
    RedisCluster cluster;
    TestSubscriber subscriber(options_for(cluster));
    ASSERT_TRUE(subscriber.subscribe("a"));
    for (std::size_t i = 0; i < 3; ++i) cluster.node(i).command({"PUBLISH", "a", "from " + std::to_string(i)});
    ASSERT_TRUE(eventually([&] { return subscriber.heard().size() == 3; }));
    TestClient client(options_for(cluster));
    EXPECT_TRUE(client.ask({"PUBLISH", "a", "from a client"}));
    EXPECT_TRUE(eventually([&] { return subscriber.heard().size() == 4; }));
}

TEST(RedisClusterSubscriber, GoesToAnotherNode) {
    RedisCluster cluster(3, true);
    TestSubscriber subscriber(options_for(cluster));
    ASSERT_TRUE(subscriber.subscribe("a"));
    cluster.node(0).stop();
    ASSERT_TRUE(subscriber.becomes(Health::away));
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    cluster.node(2).command({"PUBLISH", "a", "x"});
    EXPECT_TRUE(subscriber.hears({"a=x"}));
}

TEST(RedisShardedSubscriber, HearsEachChannelWhereItsSlotIs) {
    RedisCluster cluster;
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    for (const auto& channel : channels(30)) ASSERT_TRUE(subscriber.subscribe(channel)) << subscriber.log().text();
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    TestClient client(options_for(cluster));
    for (const auto& channel : channels(30)) EXPECT_EQ(client.say({"SPUBLISH", channel, "x"}), "1");
    ASSERT_TRUE(eventually([&] { return subscriber.heard().size() == 30; }));
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NE(cluster.node(i).command({"PUBSUB", "SHARDCHANNELS"}), "") << "each node has some";
    }
    subscriber.unsubscribe("channel:7");
    EXPECT_TRUE(eventually([&] { return client.say({"SPUBLISH", "channel:7", "x"}) == "0"; }));
    EXPECT_EQ(subscriber.stats().connects, 3u);
}

TEST(RedisShardedSubscriber, SubscribesAgainAfterItsConnectionsAreKilled) {
    RedisCluster cluster;
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    for (const auto& channel : channels(30)) ASSERT_TRUE(subscriber.subscribe(channel));
    for (std::size_t i = 0; i < 3; ++i) cluster.node(i).command({"CLIENT", "KILL", "TYPE", "pubsub"});
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    TestClient client(options_for(cluster));
    for (const auto& channel : channels(30)) {
        EXPECT_TRUE(eventually([&] { return client.say({"SPUBLISH", channel, "x"}) == "1"; }));
    }
}

TEST(RedisShardedSubscriber, FollowsASlotThatMoves) {
    RedisCluster cluster;
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    for (const auto& channel : channels(10)) ASSERT_TRUE(subscriber.subscribe(channel));
    const std::string channel = "channel:3";
    const std::size_t slot = redis::slot_of_key(channel);
    const std::size_t owner = slot * 3 / RedisCluster::kSlots;
    RedisServer& to = cluster.node((owner + 1) % 3);
    RedisCluster::begin_move(slot, cluster.node(owner), to);
    cluster.end_move(slot, to);
    ASSERT_TRUE(eventually([&] { return to.command({"SPUBLISH", channel, "x"}) == "1"; })) << subscriber.log().text();
    EXPECT_TRUE(eventually([&] { return subscriber.heard().size() == 1; }));
    EXPECT_EQ(subscriber.heard().front(), channel + "=x");
}

TEST(RedisShardedSubscriber, FollowsAFailover) {
    RedisCluster cluster(3, true);
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    for (const auto& channel : channels(30)) ASSERT_TRUE(subscriber.subscribe(channel));
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    cluster.node(0).stop();
    ASSERT_TRUE(subscriber.becomes(Health::away));
    ASSERT_TRUE(subscriber.becomes(Health::ready)) << subscriber.log().text();
    TestClient client(options_for(cluster));
    for (const auto& channel : channels(30)) {
        EXPECT_TRUE(eventually([&] { return client.say({"SPUBLISH", channel, "x"}) == "1"; })) << channel;
    }
    ASSERT_TRUE(eventually([&] { return subscriber.heard().size() >= 30; }));
}

TEST(RedisShardedSubscriber, HearsNothingTwiceThroughAnAskedForFailover) {
    RedisCluster cluster(3, true);
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    const std::string channel = "hello";  // slot 866, of the first node
    ASSERT_TRUE(subscriber.subscribe(channel));
    TestClient client(options_for(cluster));
    int published = 0;
    // A replica takes it too, and passes it on: how many it says heard it means nothing.
    const auto publish = [&] { EXPECT_TRUE(client.ask({"SPUBLISH", channel, std::to_string(published++)})); };
    for (int i = 0; i < 20; ++i) publish();
    ASSERT_TRUE(RedisCluster::fail_over(cluster.node(3), publish));
    ASSERT_TRUE(eventually([&] {
        publish();
        return cluster.node(3).command({"PUBSUB", "SHARDNUMSUB", channel}) == channel + "\n1";
    }));
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    const std::string last = channel + "=" + std::to_string(published);
    publish();
    ASSERT_TRUE(eventually([&] { return subscriber.heard().back() == last; }));
    const auto heard = subscriber.heard();
    for (std::size_t i = 1; i < heard.size(); ++i) {
        ASSERT_LT(std::stoi(heard[i - 1].substr(6)), std::stoi(heard[i].substr(6))) << "in order, and once";
    }
}

TEST(RedisShardedSubscriber, TheOrderIsKeptWhenASlotHasMoved) {
    RedisCluster cluster;
    TestSubscriber subscriber(options_for(cluster), {.sharded = true});
    TestClient client(options_for(cluster));
    ASSERT_TRUE(client.becomes(Health::ready));
    const std::string channel = "hello";  // slot 866, of the first node
    ASSERT_TRUE(subscriber.subscribe(channel));
    const auto publish = [&](int first) {
        std::vector<TestClient::Words> commands;
        for (int i = first; i < first + 2000; ++i) commands.push_back({"SPUBLISH", channel, std::to_string(i)});
        return client.begin_all(commands);
    };
    RedisCluster::begin_move(866, cluster.node(0), cluster.node(1));
    cluster.end_move(866, cluster.node(1));
    ASSERT_TRUE(eventually([&] {
        return cluster.node(1).command({"PUBSUB", "SHARDNUMSUB", channel}) == channel + "\n1";
    })) << subscriber.log().text();
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    // The client does not know yet: these come back, while the next ones are sent.
    for (int first = 0; first < 8000; first += 2000) publish(first);
    std::vector<std::string> expected;
    for (int i = 0; i < 8000; ++i) expected.push_back(channel + "=" + std::to_string(i));
    EXPECT_TRUE(subscriber.hears(expected));
    EXPECT_GE(client.stats().redirected, 1u);
}

TEST(RedisShardedSubscriber, IsForClustersOnly) {
    RedisServer server;
    TestLoop loop;
    const auto made = loop.run(
        [&] { return redis::Subscriber::create(loop.get(), TestClient::options_for(server), {}, {.sharded = true}); });
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::invalid_option);
}

}  // namespace
}  // namespace cryo::test
