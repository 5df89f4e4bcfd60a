#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cryo/export.h>
#include <cryo/logging.h>
#include <cryo/result.h>
#include <cryo/worker_pool.h>

namespace cryo::redis {

/// Where a Redis server, a Sentinel or a node of a cluster listens.
struct Address {
    std::string host{};
    std::uint16_t port = 6379;

    bool operator==(const Address&) const = default;
};

/// A user (Redis 6 access control list; empty: the default one) and its password (empty: no authentication).
struct Credentials {
    std::string username{};
    std::string password{};
};

/// TLS towards Redis. Files are PEM. The server's certificate is always verified, name included.
struct ClientTls {
    std::string ca_file{};           ///< Empty: the system's authorities.
    std::string certificate_file{};  ///< For servers that ask for one; then with `key_file`.
    std::string key_file{};
    std::string server_name{};  ///< Asked for and verified. Empty: the host that is connected to.
};

/// Finds the master of a replica set through Sentinels, and follows it when they make another one the master.
struct SentinelOptions {
    std::vector<Address> addresses{};  ///< Asked in turn until one knows the master. 1 to 32.
    std::string master_name{};
    Credentials credentials{};  ///< Of the Sentinels, not of the master.
    /// How often they are asked who is the master, while connected: a failover is followed within about this time.
    std::chrono::milliseconds check_interval{1'000};
};

/// A Redis Cluster: commands go to the node that has the slot of their key.
struct ClusterOptions {
    std::vector<Address> seeds{};  ///< Nodes asked in turn for all others. 1 to 32.
    /// The slots are asked for anew so often, and whenever a node moves one or is lost.
    std::chrono::milliseconds refresh_interval{30'000};
};

/// Everything a client of Redis can be told. An aggregate: name what differs from the defaults.
///
/// One of `address`, `unix_path`, `sentinel` and `cluster` says where Redis is; the first is the default.
struct Options {
    Address address{.host = "127.0.0.1"};
    std::string unix_path{};
    std::optional<SentinelOptions> sentinel{};
    std::optional<ClusterOptions> cluster{};

    /// Where a server is reached from here that Sentinels or a cluster tell of, when that is elsewhere: containers,
    /// NAT. On the loop; must not throw. Empty: where they say.
    std::function<Address(const Address&)> translate{};

    Credentials credentials{};
    int database = 0;  ///< 0 in a cluster.
    std::optional<ClientTls> tls{};
    std::string client_name{};  ///< For CLIENT LIST; no spaces. Empty: none.

    /// To resolve a name, and for each address that it has: connection, TLS, authentication.
    std::chrono::milliseconds connect_timeout{3'000};
    /// From `Client::command` to the answer, waiting for a connection included.
    std::chrono::milliseconds command_timeout{3'000};
    /// A connection on which nothing was received for so long is asked for a sign of life, and given up when none has
    /// come after `command_timeout`.
    std::chrono::milliseconds ping_interval{5'000};
    /// Between attempts to connect: doubles from the least to the most, then drawn from its upper half.
    std::chrono::milliseconds retry_min{50};
    std::chrono::milliseconds retry_max{5'000};

    std::size_t max_pending_commands = 10'000;   ///< Unanswered; further ones are refused.
    std::size_t max_pending_bytes = 64u << 20;   ///< Of commands unanswered; further ones are refused.
    std::size_t max_reply_bytes = 64u << 20;     ///< Of one reply; a longer one ends the connection.
    std::size_t max_reply_elements = 1'000'000;  ///< Of one reply, nested ones included; more end the connection.

    /// Resolves names, which blocks. Null: a thread of its own, started when a host is a name; a client that ends waits
    /// for it, on its loop, for as long as the system's resolver takes. With a pool that the application keeps for
    /// longer than the clients none waits.
    std::shared_ptr<WorkerPool> resolver{};
    std::shared_ptr<ILogger> logger{};  ///< Null: silent.

    /// Every problem of these options at once, one a line, or success.
    CRYO_API Result<> validate() const;
};

}  // namespace cryo::redis
