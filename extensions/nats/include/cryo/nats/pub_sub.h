#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cryo/cluster/pub_sub.h>
#include <cryo/export.h>
#include <cryo/logging.h>
#include <cryo/result.h>

namespace cryo::nats {

/// TLS towards NATS. Files are PEM. The server's certificate is always verified, its name included.
struct ClientTls {
    std::string ca_file{};           ///< The authorities that are trusted; must be given.
    std::string certificate_file{};  ///< For servers that ask for one; then with `key_file`.
    std::string key_file{};
    std::string server_name{};  ///< That has to stand in the certificate. Empty: the host that is connected to.
};

/// How to reach NATS, and limits. An aggregate: name what differs from the defaults.
struct Options {
    /// Of one cluster of servers, tried in random order; 1 to 64. May hold `user:password@`.
    std::vector<std::string> servers{"nats://127.0.0.1:4222"};

    // One of the three, or none.
    std::string user{}, password{};
    std::string token{};
    std::string credentials_file{};  ///< JWT and seed, as `nsc` writes it.

    std::optional<ClientTls> tls{};  ///< Given: connections without TLS are refused.
    std::string client_name{};       ///< What the server's monitoring shows.

    /// To one server, greeting and login included; also how long a subscription may take to be confirmed, and a socket
    /// to take what is written.
    std::chrono::milliseconds connect_timeout{2'000};
    /// How often a server is asked for a sign of life; without two of them the connection is given up.
    std::chrono::milliseconds ping_interval{2'000};
    /// Between attempts to connect: doubles from the least to the most, then drawn from its upper half.
    std::chrono::milliseconds retry_min{50};
    std::chrono::milliseconds retry_max{5'000};

    std::size_t max_channels = 1'000'000;
    std::size_t max_waiting_bytes = 64u << 20;  ///< To be sent, and, as much again, arrived and not handled.
    std::shared_ptr<ILogger> logger{};          ///< Null: silent.
};

/// Publish and subscribe over NATS, for a `cluster::NodeBus`.
///
/// The parts of a channel's name become tokens of a subject: `cryo:t:hub:lobby` is `cryo.t.hub.lobby`, so that a server
/// can permit `cryo.>`. A subscription that the server does not permit is refused with `system`.
///
/// A thread of its own connects, and writes; libnats reads on one of its own and hands over on another.
/// In effect, of a subscription, means: the server that this client is connected to has it. Other servers of a NATS
/// cluster hear of it a moment later.
/// Lifetime: destroyed while it tries to connect, it takes until that attempt ends, `connect_timeout` for each server
/// at most. Errors: `invalid_option`, naming each; `start` answers `tls_configuration` for files that cannot be used.
/// @code
///   auto backend = cryo::nats::make_pub_sub({.servers = {"nats://one:4222", "nats://two:4222"}, .token = token});
///   auto bus = cryo::cluster::make_node_bus({.node = "node-1"}, std::move(*backend));
/// @endcode
CRYO_API Result<std::unique_ptr<cluster::IPubSub>> make_pub_sub(Options options);

}  // namespace cryo::nats
