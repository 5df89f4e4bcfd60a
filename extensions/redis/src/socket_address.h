#pragma once

#include <string>
#include <vector>

#include <sys/socket.h>

#include <cryo/redis/options.h>
#include <cryo/result.h>

namespace cryo::redis {

/// Where a socket can connect to.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    std::string text{};  ///< For log lines.
};

/// A server's addresses, to be tried in turn.
struct Place {
    std::vector<SocketAddress> addresses{};
    std::string host{};  ///< As configured, or told by a Sentinel or a cluster: what TLS verifies.
};

/// `host:port`, and `[host]:port` when the host is an IPv6 address.
std::string to_string(const Address& address);

/// Resolves a host, which blocks unless it is numeric.
Result<Place> resolve_now(const Address& address, bool only_numeric);

/// Path of at most 107 bytes.
Place unix_place(const std::string& path);

}  // namespace cryo::redis
