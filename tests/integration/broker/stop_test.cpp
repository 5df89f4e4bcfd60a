// A worker that stops leaves nothing in Redis, whatever is under way.

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "deployment.h"

namespace cryo::test {
namespace {

broker::BrokerOptions worker_options() {
    broker::BrokerOptions options{.role = broker::Role::worker, .jwt_secret = Deployment::kJwtSecret};
    options.redis.emplace().command_timeout = kPatience;
    return options;
}

ServerOptions patient_server() {
    auto options = BrokerNode::server_options();
    options.drain_timeout = options.auth_timeout = kPatience;
    return options;
}

std::string jwt_of(const std::string& user) {
    return "jwt=" + Deployment::token(R"({"sub":")" + user + R"(","sid":"s","channels":["c"],"exp":9999999999})");
}

/// Redis does not know the worker's scripts any more: they are sent again, behind the commands of the stop.
TEST(BrokerStop, LeavesNoConnectionThatWasBeingRegistered) {
    RedisServer redis;
    auto options = worker_options();
    options.redis->address = {"127.0.0.1", redis.port()};
    BrokerNode worker(options, patient_server());
    {
        BrokerClient first(worker.port(), jwt_of("first"));
        ASSERT_TRUE(first.connected()) << "the worker listens, and has its scripts";
        first.send_close();
        EXPECT_EQ(first.next_close(), 1000);
    }
    ASSERT_TRUE(eventually([&] { return redis.command({"EXISTS", "user:first"}) == "0"; }));
    redis.command({"SCRIPT", "FLUSH"});
    redis.pause();

    std::thread client([&] { BrokerClient(worker.port(), jwt_of("ada")); });
    EXPECT_TRUE(eventually([&] { return worker.broker().stats().connections == 1; }));
    std::thread stop([&] { worker.stop(); });
    EXPECT_TRUE(eventually([&] { return worker.broker().stats().connections == 0; }));
    redis.resume();
    stop.join();
    client.join();
    EXPECT_EQ(redis.command({"KEYS", "*"}), "");
}

/// A node of a cluster that is reached late is waited for, too, although nothing else keeps the broker.
TEST(BrokerStop, WaitsForAllNodesOfACluster) {
    RedisCluster cluster;
    auto options = worker_options();
    options.redis->cluster.emplace().seeds = {{"127.0.0.1", cluster.node(0).port()}};
    BrokerNode worker(options, patient_server());
    std::vector<std::unique_ptr<BrokerClient>> clients;
    for (int i = 0; i < 30; ++i) {
        clients.push_back(std::make_unique<BrokerClient>(worker.port(), jwt_of("user" + std::to_string(i))));
        ASSERT_TRUE(clients.back()->connected());
    }
    const auto key = "worker:" + worker.broker().worker_id();
    const auto has_worker = [&](std::size_t node) { return cluster.node(node).command({"EXISTS", key}) == "1"; };
    std::size_t home = 0;
    while (!has_worker(home)) ASSERT_LT(++home, cluster.size());
    auto& late = cluster.node((home + 1) % cluster.size());
    late.command({"CLIENT", "KILL", "TYPE", "normal"});
    late.pause();

    std::atomic<bool> resumed = false, waited = false;
    std::thread stop([&] {
        EXPECT_TRUE(worker.server().unregister_extension("broker"));
        waited = resumed.load();
    });
    EXPECT_TRUE(eventually([&] { return !has_worker(home); }));
    resumed = true;
    late.resume();
    stop.join();
    EXPECT_TRUE(waited);
    clients.clear();
    EXPECT_TRUE(eventually([&] { return worker.server().stats().connections == 0; }));
    for (std::size_t i = 0; i < cluster.size(); ++i) EXPECT_EQ(cluster.node(i).command({"KEYS", "*"}), "") << i;
}

}  // namespace
}  // namespace cryo::test
