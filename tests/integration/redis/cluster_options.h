#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "redis_fixture.h"
#include "support/redis_cluster.h"

namespace cryo::test {

inline redis::Options options_for(RedisCluster& cluster) {
    auto options = TestClient::options_for(cluster.node(0));
    options.cluster = redis::ClusterOptions{};
    for (std::size_t i = 0; i < std::min<std::size_t>(cluster.size(), 3); ++i) {
        options.cluster->seeds.push_back({.host = "127.0.0.1", .port = cluster.node(i).public_port()});
    }
    return options;
}

inline redis::Options options_for(RedisReplicaSet& set) {
    auto options = TestClient::options_for(set.first());
    options.sentinel =
        redis::SentinelOptions{.master_name = RedisReplicaSet::kName, .check_interval = std::chrono::milliseconds(200)};
    for (std::size_t i = 0; i < set.sentinels(); ++i) {
        options.sentinel->addresses.push_back({.host = "127.0.0.1", .port = set.sentinel(i).public_port()});
    }
    return options;
}

}  // namespace cryo::test
