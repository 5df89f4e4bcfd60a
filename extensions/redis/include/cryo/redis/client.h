#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include <cryo/export.h>
#include <cryo/loop.h>
#include <cryo/redis/options.h>
#include <cryo/redis/reply.h>
#include <cryo/redis/script.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::redis {

/// Whether Redis can be used.
enum class Health {
    connecting,  ///< Not reached yet, since the start.
    ready,       ///< Connected; in a cluster: every slot has a node, and none of these is lost.
    away,        ///< Was lost, or could not be reached.
    stopped,     ///< `Client::stop` was called.
};

CRYO_API std::string_view to_string(Health health) noexcept;

/// How one command is sent.
struct CommandOptions {
    /// The key that says to which node of a cluster it goes. Empty: the word after the command's name, or any node when
    /// there is none.
    std::string_view key{};
    /// From the call to the answer; 0: `Options::command_timeout`.
    std::chrono::milliseconds timeout{0};
    /// Doing it twice does no harm: when the connection is lost before the answer, it is sent again on the next one.
    bool repeatable = false;
};

/// Counters of a client since it was made. A snapshot.
struct ClientStats {
    std::uint64_t commands = 0;         ///< Accepted.
    std::uint64_t answers = 0;          ///< Error replies included.
    std::uint64_t refused = 0;          ///< Of these, error replies that were handed to callbacks.
    std::uint64_t unavailable = 0;      ///< Not sent in time, or not accepted.
    std::uint64_t outcome_unknown = 0;  ///< Sent, and no answer.
    std::uint64_t repeated = 0;         ///< Sent again after a lost connection.
    std::uint64_t redirected = 0;       ///< Sent again since a cluster said where (MOVED, ASK) or when (TRYAGAIN ...).
    std::uint64_t connects = 0;         ///< Connections made.
    std::uint64_t disconnects = 0;      ///< Connections lost.
    std::uint64_t failed_connects = 0;  ///< Attempts that came to nothing.
    std::size_t pending = 0;            ///< Commands without an answer now.
    std::size_t pending_bytes = 0;      ///< And their size.
};

/// Keeps a handler of `Client::watch_health` until it is destroyed: on the loop's thread, or after the loop has ended;
/// also after its client.
class CRYO_API HealthWatch {
public:
    virtual ~HealthWatch() = default;
};

/// A client of Redis on one loop: one server, the master of a Sentinel's replica set, or a cluster.
///
/// Connects by itself, again and again while Redis is away; commands wait for that until their time is over. Those of
/// one turn of the loop leave in one write for each server.
///
/// Order: commands to one server, and in a cluster those on one slot, are executed and answered in the order of the
/// calls, also when the slot moves. Not those that are sent again: a script that was not known yet, a repeatable
/// command after a lost connection, one on keys that are just being moved (ASK, TRYAGAIN).
///
/// Each command ends in exactly one call of its callback, with the reply or with an `Error` whose code says
/// - `unavailable`: not executed. No connection in time, too many pending commands, or the client was stopped.
/// - `outcome_unknown`: sent, but not answered in time, or the connection was lost. It may have been executed; it is
///   not sent again, unless it is `repeatable`.
/// - `refused`: Redis answered with an error, whose text is the message.
/// - `invalid_argument`: it cannot be sent: no words, or keys that lie on different nodes.
///
/// Blocking commands (BLPOP ...), MULTI, SUBSCRIBE and MONITOR do not fit on a shared connection: use scripts, and the
/// extension's pub/sub.
///
/// Thread safety: the loop's thread; before the loop runs, the thread that starts the server; after it has ended, any
/// one thread. Callbacks run on the loop's thread, never from within `command` or `run`; after the loop has ended, in
/// the destructor.
/// Lifetime: callbacks and handlers may destroy the client. The destructor stops it.
/// Errors: what a callback throws is handed to the loop, which logs and counts it.
/// @code
///   auto client = cryo::redis::Client::create(server.loops().front(), {.address = {.host = "redis.example"}});
///   if (!client) return report(client.error());
///   (*client)->command({"HGET", "user:1", "name"}, {.repeatable = true}, [](cryo::Result<cryo::redis::Reply> reply) {
///       if (reply) greet(reply->text());
///   });
/// @endcode
class CRYO_API Client {
public:
    using Words = std::span<const std::string_view>;
    using Callback = UniqueFunction<void(Result<Reply>)>;

    /// Begins to connect. Errors: `invalid_option`, and `tls_configuration` when a TLS file cannot be used. That Redis
    /// is not there is no error.
    static Result<std::unique_ptr<Client>> create(LoopPtr loop, Options options);

    virtual ~Client() = default;

    /// Sends a command: its name and arguments, which may hold any bytes and are copied.
    /// @param callback may be empty
    virtual void command(Words words, CommandOptions options, Callback callback) = 0;
    void command(std::initializer_list<std::string_view> words, CommandOptions options, Callback callback) {
        command(Words(words.begin(), words.size()), options, std::move(callback));
    }

    /// Runs a script: by its name, with its source when this server does not know it yet.
    /// @param keys in a cluster all of one node; the first one routes it, or `options.key` when there is none
    virtual void run(const Script& script, Words keys, Words arguments, CommandOptions options, Callback callback) = 0;
    void run(const Script& script, std::initializer_list<std::string_view> keys,
             std::initializer_list<std::string_view> arguments, CommandOptions options, Callback callback) {
        run(script, Words(keys.begin(), keys.size()), Words(arguments.begin(), arguments.size()), options,
            std::move(callback));
    }

    virtual Health health() const noexcept = 0;
    /// Calls `handler` at each change; from the loop, never from within a method.
    [[nodiscard]] virtual std::unique_ptr<HealthWatch> watch_health(std::function<void(Health)> handler) = 0;
    virtual ClientStats stats() const = 0;
    virtual const LoopPtr& loop() const noexcept = 0;

    /// Disconnects. What is pending is answered before this returns: `unavailable` what was not sent, `outcome_unknown`
    /// what was.
    virtual void stop() = 0;
};

/// The slot of a key in a cluster: 0 to 16383. Keys with the same part in `{}` share one, as `{user1}.name` and
/// `{user1}.age` do.
CRYO_API std::uint16_t slot_of_key(std::string_view key) noexcept;

}  // namespace cryo::redis
