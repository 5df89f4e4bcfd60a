#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <cryo/bytes.h>
#include <cryo/export.h>
#include <cryo/loop.h>
#include <cryo/redis/client.h>
#include <cryo/redis/options.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::redis {

/// How a `Subscriber` listens.
struct SubscriberOptions {
    /// Sharded pub/sub of a Redis 7 cluster (SSUBSCRIBE): hears SPUBLISH, not PUBLISH, and each message goes through
    /// the nodes of its channel's slot only. Needs `Options::cluster`. False: SUBSCRIBE on one node, which hears what
    /// is published with PUBLISH on any.
    bool sharded = false;
    std::size_t max_channels = 100'000;  ///< Further ones are refused.
};

/// Counters of a subscriber since it was made. A snapshot.
struct SubscriberStats {
    std::size_t channels = 0;           ///< Subscribed, or waiting to be.
    std::uint64_t messages = 0;         ///< Handed to the handler.
    std::uint64_t resubscribed = 0;     ///< Channels that were subscribed again on another connection.
    std::uint64_t connects = 0;         ///< Connections made.
    std::uint64_t disconnects = 0;      ///< Connections lost; what was published until the next one is missed.
    std::uint64_t failed_connects = 0;  ///< Attempts that came to nothing.
};

/// What a `Subscriber` tells. What a handler is passed is valid during the call.
struct SubscriberHandlers {
    UniqueFunction<void(std::string_view channel, Bytes payload)> message{};
    /// `ready`: connected, and every channel asked for so far is in effect. Only changes are told.
    /// @param detail for the log: what it is connected to, or what went wrong
    UniqueFunction<void(Health, std::string_view detail)> health{};
};

/// Receives what is published on channels, on a connection of its own (sharded: one for each node that has channels).
///
/// Connects by itself, again and again, and subscribes again. A connection that is dead without a word is noticed
/// within `ping_interval` + `command_timeout`. At most once: what is published while it is not connected is missed;
/// `disconnects` and the health handler say so.
///
/// Thread safety, lifetime, errors: as `Client`; handlers and completions run on the loop's thread, never from within a
/// method.
class CRYO_API Subscriber {
public:
    /// Begins to connect. Errors: as `Client::create`.
    static Result<std::unique_ptr<Subscriber>> create(LoopPtr loop, Options options, SubscriberHandlers handlers,
                                                      SubscriberOptions subscriber = {});

    virtual ~Subscriber() = default;

    /// @param channel any bytes, up to 64 kB
    /// @param done may be empty; success once what anybody publishes after it arrives, which waits for a connection as
    ///     long as that takes. `invalid_argument` for a channel that is too long, `unavailable` for one too many and
    ///     when stopped, `wrong_state` when unsubscribed meanwhile, `refused` when Redis does not allow it (then it is
    ///     not tried again).
    virtual void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) = 0;
    /// No message of the channel is handed over after this; not subscribed: nothing happens.
    virtual void unsubscribe(std::string_view channel) = 0;

    virtual Health health() const noexcept = 0;
    virtual SubscriberStats stats() const = 0;

    /// Disconnects; completions that wait get `unavailable` before this returns.
    virtual void stop() = 0;
};

}  // namespace cryo::redis
