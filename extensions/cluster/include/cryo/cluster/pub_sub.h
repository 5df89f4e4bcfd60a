#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <cryo/bytes.h>
#include <cryo/export.h>
#include <cryo/loop.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::cluster {

/// A backend takes channel names up to here.
inline constexpr std::size_t kMaxChannelBytes = 250;

/// Channel names: 1 to `kMaxChannelBytes` of `A-Z a-z 0-9 _ - = :`, where `:` separates parts that are not empty.
CRYO_API bool is_channel_name(std::string_view name) noexcept;

/// Whether a pub/sub backend can be used.
enum class Link {
    away,  ///< Not connected, or not all channels are subscribed (again) yet: what is published is refused.
    up,    ///< Connected, and every channel asked for so far is in effect.
};

/// Counters of one connection to a backend since it started. A snapshot.
struct PubSubStats {
    Link link = Link::away;
    std::size_t channels = 0;     ///< Subscribed, or waiting to be.
    std::uint64_t published = 0;  ///< Accepted by `publish`.
    std::uint64_t refused = 0;    ///< Refused by `publish`: away, too large, too much waiting.
    std::uint64_t received = 0;   ///< Handed to the message handler.
    std::uint64_t lost = 0;       ///< Arrived, or accepted, but thrown away: a queue was full, or the link was cut.
    std::uint64_t connects = 0;   ///< Times the link came up.
};

/// What an `IPubSub` tells. What a handler is passed is valid during the call.
struct PubSubHandlers {
    /// A message on a subscribed channel, one's own publications included: a `NodeBus` that does not hear itself knows
    /// that nobody else does.
    UniqueFunction<void(std::string_view channel, Bytes payload)> message{};
    /// The link came up or went away; only changes are told, the first is `up`.
    /// @param detail for the log: where it is connected to, or what went wrong; no secrets
    UniqueFunction<void(Link, std::string_view detail)> link{};
};

/// Publish and subscribe over some backend: the little that Redis, NATS and the memory of one process have in common,
/// and all that a `NodeBus` needs.
///
/// Reconnecting is its own duty, without end and with backoff, and so is subscribing again. A link that is dead without
/// a word (a cable pulled, a peer stopped) is noticed and replaced within a stated time.
///
/// Promised: at most once; the messages of one publisher on one channel arrive in the order of publishing. Nothing is
/// promised across channels, nor that everything arrives: what is published while a link is cut is lost for that side.
/// Thread safety: methods are called, and handlers and completions run, on the loop given to `start`, unless marked
/// otherwise. None of them runs from within a call of a method; they may call any method. They must not throw.
/// Lifetime: destroyed on the loop's thread or after the loop has ended; nothing calls back any more.
class CRYO_API IPubSub {
public:
    virtual ~IPubSub() = default;

    /// For log lines: `redis`, `nats`, `local`. Constant; any thread.
    virtual std::string_view backend() const noexcept = 0;

    /// Begins to connect; once only. Also before the loop runs, on the thread that starts the server.
    /// Errors: options that cannot work, files that cannot be read. A backend that is not there is no error.
    virtual Result<> start(const LoopPtr& loop, PubSubHandlers handlers) = 0;

    /// Sends what was accepted, for a second at most, and disconnects. From the call on no handler runs, and of the
    /// completions only `done`; never called when the loop ends before.
    virtual void stop(UniqueFunction<void()> done) = 0;

    /// False, and counted, when the link is away, the payload larger than `max_payload`, or too much waits to be sent.
    /// Accepted is not delivered: see above. The payload is copied before return.
    virtual bool publish(std::string_view channel, Bytes payload) = 0;

    /// Subscribes; `done` with success once it is in effect: what anybody publishes after that arrives. While the link
    /// is away it waits for as long as that takes. A channel that is subscribed already is in effect at once.
    /// Errors, given to `done`: `invalid_argument` for a channel or one too many, `wrong_state` when unsubscribed
    /// meanwhile, `system` when the backend refused (and goes on refusing: it is not tried again).
    virtual void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) = 0;
    /// No message of the channel is handed over after this; not subscribed: nothing happens.
    virtual void unsubscribe(std::string_view channel) = 0;

    /// The largest payload that can be published; may change when the link comes up. Any thread.
    virtual std::size_t max_payload() const noexcept = 0;

    /// Any thread.
    virtual PubSubStats stats() const = 0;
};

}  // namespace cryo::cluster
