// What only Redis can do to a bus: kill connections, make another server the master, lose a shard.
#include <atomic>
#include <cctype>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "integration/cluster/bus_node.h"
#include "redis_backend.h"

namespace cryo::test {
namespace {

using cluster::Health;

class RedisBusFault : public ::testing::Test {
protected:
    ~RedisBusFault() override { end_stream(); }

    /// Two nodes that know each other; b has the topic "t", to which a publishes rising numbers without end.
    void start(const redis::Options& options, redis::PubSubOptions pub_sub = {}) {
        a_ = std::make_unique<BusNode>(quick_bus("a"), connect_redis(options, pub_sub));
        b_ = std::make_unique<BusNode>(quick_bus("b"), connect_redis(options, pub_sub));
        ASSERT_TRUE(eventually([&] { return know_each_other(); }));
        ASSERT_TRUE(b_->subscribe("t"));
        stream_ = std::thread([this] {
            for (int next = 0; !ending_; ++next) {
                a_->publish("t", std::to_string(next));
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        ASSERT_TRUE(hears_more());
    }
    void end_stream() {
        ending_ = true;
        if (stream_.joinable()) stream_.join();
    }

    bool know_each_other() const { return a_->connected() && b_->connected() && a_->knows(*b_) && b_->knows(*a_); }
    /// Messages go on arriving.
    bool hears_more() const {
        const auto before = b_->heard().size();
        return eventually([&] { return b_->heard().size() > before + 5; });
    }
    bool recovers() const {
        return eventually([&] { return know_each_other(); }) && hears_more();
    }
    void expect_rising() {
        end_stream();
        int before = -1;
        for (const auto& text : b_->heard()) {
            const int number = std::stoi(text.substr(2));
            ASSERT_GT(number, before) << "in order, and none twice";
            before = number;
        }
        EXPECT_GE(before, 0);
    }

    static redis::Options cluster_options(RedisCluster& cluster) {
        auto options = quick_redis();
        options.cluster = redis::ClusterOptions{};
        for (std::size_t i = 0; i < 3; ++i) options.cluster->seeds.push_back(loopback(cluster.node(i).port()));
        return options;
    }

    std::unique_ptr<BusNode> a_, b_;

private:
    std::atomic<bool> ending_{false};
    std::thread stream_;
};

TEST_F(RedisBusFault, ConnectionsAreKilled) {
    RedisServer server;
    auto options = quick_redis();
    options.address = loopback(server.port());
    start(options);
    for (int round = 0; round < 5; ++round) {
        server.command({"CLIENT", "KILL", "TYPE", round % 2 == 0 ? "pubsub" : "normal", "SKIPME", "yes"});
        ASSERT_TRUE(recovers()) << round;
    }
    expect_rising();
}

TEST_F(RedisBusFault, TheServerIsPaused) {
    RedisServer server;
    auto options = quick_redis();
    options.address = loopback(server.port());
    start(options);
    server.pause();
    ASSERT_TRUE(eventually([&] { return a_->bus().health() == Health::away && b_->bus().health() == Health::away; }));
    server.resume();
    ASSERT_TRUE(recovers());
    expect_rising();
}

TEST_F(RedisBusFault, AnotherServerIsMadeTheMaster) {
    RedisReplicaSet set;
    auto options = quick_redis();
    options.sentinel = redis::SentinelOptions{.addresses = {loopback(set.sentinel(0).port())},
                                              .master_name = RedisReplicaSet::kName,
                                              .check_interval = std::chrono::milliseconds(200)};
    start(options);
    ASSERT_TRUE(set.fail_over());
    ASSERT_TRUE(eventually([&] { return set.second().calls("publish") > 0 && set.second().calls("subscribe") > 0; }));
    ASSERT_TRUE(recovers());
    expect_rising();
}

TEST_F(RedisBusFault, TheMasterDies) {
    RedisReplicaSet set;
    auto options = quick_redis();
    options.sentinel =
        redis::SentinelOptions{.addresses = {loopback(set.sentinel(0).port())}, .master_name = RedisReplicaSet::kName};
    start(options);
    set.first().stop();
    ASSERT_TRUE(eventually([&] { return a_->bus().health() == Health::away && b_->bus().health() == Health::away; }));
    ASSERT_TRUE(recovers());
    expect_rising();
}

TEST_F(RedisBusFault, AShardFailsOver) {
    RedisCluster cluster(3, true);
    start(cluster_options(cluster), {.sharded = true});
    cluster.node(0).stop();
    ASSERT_TRUE(eventually([&] { return a_->bus().health() == Health::away && b_->bus().health() == Health::away; }));
    ASSERT_TRUE(recovers());
    expect_rising();
}

TEST_F(RedisBusFault, AShardIsAskedToFailOver) {
    RedisCluster cluster(3, true);
    start(cluster_options(cluster), {.sharded = true});
    for (std::size_t i = 3; i < 6; ++i) {
        ASSERT_TRUE(RedisCluster::fail_over(cluster.node(i)));
        ASSERT_TRUE(recovers());
    }
    expect_rising();
}

TEST_F(RedisBusFault, TheNodeOfAClusterDiesThatIsUsed) {
    RedisCluster cluster(3, true);
    start(cluster_options(cluster));
    cluster.node(0).stop();
    ASSERT_TRUE(recovers());
    expect_rising();
}

}  // namespace
}  // namespace cryo::test
