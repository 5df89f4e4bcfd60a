#pragma once

#include <cstddef>
#include <memory>

#include <cryo/cluster/pub_sub.h>
#include <cryo/export.h>
#include <cryo/redis/options.h>
#include <cryo/result.h>

namespace cryo::redis {

/// How nodes talk to each other over Redis. All of a cluster must have the same `sharded`.
struct PubSubOptions {
    /// Sharded pub/sub of a Redis 7 cluster (SPUBLISH, SSUBSCRIBE): each message goes through the nodes of its
    /// channel's slot only, while PUBLISH goes to every node of the cluster. Needs `Options::cluster`.
    bool sharded = false;
    /// Larger ones are refused. By default Redis cuts off a subscriber for whom more than 32 MB wait.
    std::size_t max_payload = 16u << 20;
    std::size_t max_channels = 1'000'000;  ///< Further ones are refused.
};

/// Publish and subscribe over Redis, for a `cluster::NodeBus`: one server, the master of a Sentinel's replica set, or a
/// cluster.
///
/// One connection publishes and another one listens; the link is up when both are. Without `sharded` a cluster is used
/// through one of its seeds at a time; with it, through every master. A link that is dead without a word is noticed
/// within `ping_interval` + `command_timeout`.
///
/// A publication is never sent twice: one that was sent when its connection was lost counts as lost.
/// Errors: `invalid_option`, naming each; `start` answers `tls_configuration` for files that cannot be used.
/// @code
///   auto backend = cryo::redis::make_pub_sub({.address = {.host = "redis.example"}});
///   auto bus = cryo::cluster::make_node_bus({.node = "node-1"}, std::move(*backend));
/// @endcode
CRYO_API Result<std::unique_ptr<cluster::IPubSub>> make_pub_sub(Options options, PubSubOptions pub_sub = {});

}  // namespace cryo::redis
