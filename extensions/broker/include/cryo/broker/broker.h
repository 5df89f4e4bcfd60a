#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/broker/options.h>
#include <cryo/export.h>
#include <cryo/extension.h>
#include <cryo/hub/hub.h>
#include <cryo/result.h>

namespace cryo::broker {

/// Counters of a broker in this process. A snapshot.
struct BrokerStats {
    std::size_t connections = 0;  ///< Let in, or about to be.
    std::uint64_t admitted = 0;   ///< Connections since the start.
    std::uint64_t refused = 0;    ///< Refused for their claim or JWT, or for lack of room.

    std::uint64_t requests = 0;         ///< Of the API that were authorized.
    std::uint64_t unauthorized = 0;     ///< And that were not.
    std::uint64_t failed_requests = 0;  ///< Answered with 500: a backend or worker did not do its part.

    std::uint64_t received_parcels = 0;  ///< Messages and changes that other processes sent to this worker.
    std::uint64_t refused_parcels = 0;   ///< Malformed ones.

    std::uint64_t client_messages = 0;    ///< That clients sent.
    std::uint64_t webhook_delivered = 0;  ///< Of these, taken by the webhook.
    std::uint64_t webhook_dropped = 0;    ///< Given up, or no room in the queue.

    bool redis_ready = false;  ///< Redis can be used; false without one.
};

/// A broker as dSock is one: back-ends send over HTTP, clients receive over WebSocket.
///
/// Mounts the routes of its role on a server: the API (`/claim`, `/send`, `/disconnect`, `/info`, `/channel/...`), the
/// clients' `/connect`, and `/ping`; see README.md for all of them, and for what a server's own options have to be.
///
/// Thread safety: `install` before the server starts, on the thread that sets it up; the rest: any thread.
/// Lifetime: shared with the server. For one server, once.
/// @code
///   auto broker = cryo::broker::Broker::create({.token = "secret"});
///   if (!broker) return report(broker.error());
///   if (auto installed = (*broker)->install(*server); !installed) return report(installed.error());
///   server->run();
/// @endcode
class CRYO_API Broker : public IExtension {
public:
    /// @param hub of the same server, when the application has one too: members of channels are then subscribers of the
    ///     hub's topics, users its users. Null: one of its own
    /// Errors: `invalid_option` names each one.
    static Result<std::shared_ptr<Broker>> create(BrokerOptions options, std::shared_ptr<hub::Hub> hub = {});

    std::string_view name() const noexcept override { return "broker"; }

    /// Registers the broker, and its hub if it has one of its own, with the server.
    /// Errors: those of `Server::register_extension` and of mounting routes.
    virtual Result<> install(Server& server) = 0;

    /// By which other processes know this one as a worker. Empty before the server has started.
    virtual std::string worker_id() const = 0;

    virtual BrokerStats stats() const = 0;
};

}  // namespace cryo::broker
