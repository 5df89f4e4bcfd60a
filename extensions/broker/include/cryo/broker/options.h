#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/logging.h>
#include <cryo/redis/options.h>
#include <cryo/result.h>

namespace cryo::broker {

/// Which half of the broker a process is.
enum class Role {
    api,     ///< Back-ends call it.
    worker,  ///< Clients connect to it.
    both,    ///< One process for both.
};

/// How an API reaches the workers of other processes. All processes of a deployment use the same.
enum class Messaging {
    redis,   ///< Through Redis: the worker's pub/sub channels.
    direct,  ///< By HTTP, to the address that the worker registered in Redis.
};

/// A message of a client, and who sent it. Valid during the callback.
struct ClientMessage {
    std::string_view connection{};  ///< Its id.
    std::string_view user{};
    std::string_view session{};
    MessageKind kind{};
    Bytes payload{};
};

/// Where messages of clients are posted to: the payload as body, who sent it in headers.
struct WebhookOptions {
    std::string url{};     ///< `http://` or `https://`. Empty: no webhook.
    std::string secret{};  ///< Key of the signature (HMAC-SHA256) of each request. Empty: not signed.
    std::chrono::milliseconds timeout{5'000};  ///< Of one attempt.
    unsigned max_attempts = 4;                 ///< With twice the pause between each, from 250 ms on.
    std::size_t max_queued = 10'000;           ///< Messages that wait; further ones are dropped and counted.
    std::size_t max_queued_bytes = 64u << 20;  ///< And their bytes.
    std::size_t lanes = 4;  ///< Requests at the same time; messages of one connection stay in order, in one of these.
};

/// How workers are reached with `Messaging::direct`.
struct DirectOptions {
    /// Where APIs reach this worker. Empty: this machine's first IPv4 address that is not the loopback's.
    std::string hostname{};
    std::uint16_t port = 0;  ///< 0: the port that the server listens on.
    /// What API and workers show each other. Without one, whoever reaches a worker's port could send to everybody.
    std::string secret{};
    bool allow_unauthenticated = false;  ///< For as long as a dSock API, which has no secret, sends to this worker.
};

/// Everything a broker can be told. An aggregate: name what differs from the defaults. Names in parentheses are those
/// of configuration files and, after `DSOCK_`, of the environment.
struct BrokerOptions {
    Role role = Role::both;  ///< (role)

    /// In front of every path, `/broker` for example, so that the rest of the server is the application's. Empty: the
    /// broker answers every path that has no other route.
    std::string prefix{};  ///< (prefix)

    std::string token{};  ///< (token) What callers of the API must present.
    /// (allow_open_api) Without a token anybody may call the API. Has to be asked for.
    bool allow_open_api = false;

    std::string jwt_secret{};  ///< (jwt_secret) Key of HS256, HS384 and HS512; empty: claims only.
    /// (jwt_lenient) Also accepts tokens without `sub`, and such as never expire: what dSock did, not what it promised.
    bool jwt_lenient = false;

    std::vector<std::string> default_channels{};  ///< (default_channels) Every connection is a member of.

    /// (redis_host ...) Where claims and connections are registered. Absent: in memory, for one process of both roles.
    std::optional<redis::Options> redis{};
    Messaging messaging = Messaging::redis;  ///< (messaging_method)
    DirectOptions direct{};                  ///< (direct_message_hostname ...)

    /// (ttl_duration) Registrations are renewed so often, and forgotten by Redis after twice that time.
    std::chrono::milliseconds ttl{60'000};

    /// For a worker to say that a change or message took effect there; then the API answers without.
    std::chrono::milliseconds confirm_timeout{2'000};

    std::size_t max_claim_channels = 1'000;  ///< Of one claim, token or connection.

    WebhookOptions webhook{};  ///< (webhook_url ...)
    /// Called for each message of a client, on a loop; several at the same time.
    std::function<void(const ClientMessage&)> on_message{};

    std::shared_ptr<ILogger> logger{};  ///< Null: silent.
    bool log_requests = false;  ///< (log_requests) A line for each API request; without tokens, claims and JWTs.

    /// Every problem of these options at once, one a line, or success.
    CRYO_API Result<> validate() const;
};

}  // namespace cryo::broker
