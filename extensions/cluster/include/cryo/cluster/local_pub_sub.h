#pragma once

#include <cstddef>
#include <memory>

#include <cryo/cluster/pub_sub.h>
#include <cryo/export.h>

namespace cryo::cluster {

struct LocalBrokerOptions {
    std::size_t max_payload = 64u << 20;
    std::size_t max_channels = 1'000'000;       ///< Of one connection.
    std::size_t max_waiting_bytes = 64u << 20;  ///< On the way to one connection; what is more is lost and counted.
};

/// A pub/sub backend in memory: joins servers of one process, and tests. What it cannot do is to outlive the process.
///
/// Thread safety: any thread. Lifetime: its connections may outlive it, they are away then.
class CRYO_API LocalBroker {
public:
    static std::shared_ptr<LocalBroker> create(LocalBrokerOptions options = {});
    virtual ~LocalBroker() = default;

    /// A connection to it, to be started on any loop.
    virtual std::unique_ptr<IPubSub> connect() = 0;

    /// For tests of what happens when a backend is away: unavailable, it cuts all connections, which come back when it
    /// is available again.
    virtual void set_available(bool available) = 0;
    /// The same for one connection made here; a connection that is silent keeps its link up, but nothing passes.
    virtual void set_available(const IPubSub& connection, bool available) = 0;
    virtual void set_silent(const IPubSub& connection, bool silent) = 0;
};

}  // namespace cryo::cluster
