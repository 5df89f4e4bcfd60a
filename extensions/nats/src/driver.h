#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <cryo/cluster/counter.h>
#include <cryo/cluster/loop_inbox.h>
#include <cryo/cluster/pub_sub.h>
#include <cryo/logging.h>

#include "nats_ptr.h"

namespace cryo::nats {

/// What the driver tells the loop.
struct LinkUp {
    std::uint64_t last_subscription = 0;  ///< All up to this one are in effect.
    std::string detail{};
};
struct LinkAway {
    std::string detail{};
};
struct Subscribed {
    std::uint64_t last_subscription = 0;  ///< All up to this one are in effect.
};
struct Refused {
    std::string channel{};
    std::uint64_t subscription = 0;
    std::string reason{};
};
using Event = std::variant<MessagePtr, LinkUp, LinkAway, Subscribed, Refused>;
using EventInbox = cluster::LoopInbox<Event>;

std::string to_subject(std::string_view channel);
std::string to_channel(std::string_view subject);

/// The thread that does what may block: connects, subscribes, writes.
///
/// Thread safety: methods on one thread. What it tells goes through the inbox.
class Driver {
public:
    struct Settings {
        std::chrono::milliseconds timeout{}, retry_min{}, retry_max{};
        std::size_t max_waiting_bytes = 0;
        std::string servers{};  ///< For log lines.
        std::shared_ptr<ILogger> logger{};
    };
    struct Counters {
        cluster::Counter lost, max_payload;
    };

    Driver(Settings settings, OptionsPtr options, std::shared_ptr<EventInbox> inbox,
           std::shared_ptr<Counters> counters);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    /// False when too much waits.
    bool publish(std::string_view channel, Bytes payload);
    /// Numbers rise.
    void subscribe(std::string_view channel, std::uint64_t number);
    void unsubscribe(std::string_view channel);
    /// Sends what was accepted, then ends; `done` is called on the driver's thread.
    void stop(UniqueFunction<void()> done);

private:
    struct Publish {
        std::string subject;
        std::vector<std::byte> payload;
    };
    struct Subscribe {
        std::string channel;
        std::uint64_t number;
    };
    struct Unsubscribe {
        std::string channel;
    };
    struct Stop {
        UniqueFunction<void()> done;
    };
    using Command = std::variant<Publish, Subscribe, Unsubscribe, Stop>;
    struct Wanted {
        std::uint64_t number = 0;
        SubscriptionPtr subscription{};
    };
    struct Queue;
    struct ConnectionWatch;

    bool push(Command command, std::size_t bytes);
    std::vector<Command> take(std::chrono::milliseconds patience);

    void run();
    bool connect();
    void serve();
    void disconnect();
    void pause();
    /// What was asked for while there is no connection.
    void absorb(std::vector<Command> commands);
    bool execute(std::vector<Command> commands);
    bool send(const Publish& publish);
    bool subscribe_now(const std::string& channel, Wanted& wanted);
    bool confirm(const std::vector<Subscribe>& batch, std::uint64_t last);
    bool refused(const std::string& channel, std::string& reason) const;
    bool flush(std::chrono::milliseconds patience);
    bool closed() const;
    void log(LogLevel level, std::string_view message) const noexcept;

    const Settings settings_;
    const OptionsPtr options_;
    const std::shared_ptr<EventInbox> inbox_;
    const std::shared_ptr<Counters> counters_;
    const std::shared_ptr<Queue> queue_;

    // The driver's thread.
    ConnectionPtr connection_{};
    std::shared_ptr<ConnectionWatch> watch_{};
    std::unordered_map<std::string, Wanted> wanted_{};
    std::uint64_t last_subscription_ = 0;
    std::chrono::milliseconds retry_{};
    bool complained_ = false;  ///< That it cannot connect: once for each time.
    UniqueFunction<void()> done_{};

    std::thread thread_{};
};

}  // namespace cryo::nats
