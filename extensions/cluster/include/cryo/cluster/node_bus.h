#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/cluster/pub_sub.h>
#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/extension.h>
#include <cryo/logging.h>
#include <cryo/loop.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::cluster {

/// One life of a node. A node that others held for dead goes on under the same name with a later epoch.
struct NodeId {
    std::string name{};
    std::uint64_t epoch = 0;

    auto operator<=>(const NodeId&) const = default;
};

/// Something happened to another node. Every life begins with `joined` and ends with `left` or `died`.
struct MemberEvent {
    enum class Kind {
        joined,  ///< Heard of for the first time.
        left,    ///< It stopped and said so.
        died,    ///< Silent for `death_after`, or replaced by a later life; or this node itself was cut off.
    };

    Kind kind{};
    NodeId node{};

    bool operator==(const MemberEvent&) const = default;
};

/// How this node stands with the others.
enum class Health {
    away,       ///< The backend cannot be reached: the node is alone, what it publishes is dropped and counted.
    joining,    ///< The backend is there; for one heartbeat or so not all other nodes may be known.
    connected,  ///< All is well.
    displaced,  ///< Another process took this node's name: alone until restarted under a name of its own.
    stopped,    ///< Not started, or stopped.
};

/// Of a bus since it started. A snapshot.
struct BusStats {
    Health health = Health::stopped;
    std::size_t nodes = 0;   ///< Others that are alive.
    std::size_t topics = 0;  ///< Subscribed here, or waiting to be.
    std::size_t asks = 0;    ///< That wait for answers.
    std::uint64_t sent = 0;  ///< Publications, messages, questions and answers given to the backend.
    /// Those that were not: the backend was away, too much waited, or the node is unknown.
    std::uint64_t dropped = 0;
    std::uint64_t too_large = 0;
    std::uint64_t received = 0;        ///< Handed to a port.
    std::uint64_t duplicates = 0;      ///< Came a second time, or too late to be in order: thrown away.
    std::uint64_t gaps = 0;            ///< Times that something between two messages of a sender was missing.
    std::uint64_t dead_epochs = 0;     ///< Messages of a node that was held for dead: refused.
    std::uint64_t malformed = 0;       ///< No envelope of this version.
    std::uint64_t refused_nodes = 0;   ///< Messages of nodes beyond `max_nodes`.
    std::uint64_t refused_topics = 0;  ///< Subscriptions beyond `max_topics`; also logged, once in a heartbeat.
    std::uint64_t unknown_ports = 0;   ///< For a port that this node does not have.
    std::uint64_t outages = 0;         ///< Times that health went to `away` after it had been better.
    std::uint64_t epochs = 0;          ///< Lives that this node has begun.
    std::uint64_t timed_out_asks = 0;  ///< That ended without all answers.
    std::chrono::microseconds hop{0};  ///< From here through the backend and back, the last heartbeat.
    PubSubStats backend{};
};

/// The right to answer a question: once, now or later, from any thread. Destroyed unanswered: the asker is told that
/// there is no answer, and need not wait. Move-only.
class CRYO_API Answer {
public:
    /// Null: no answer.
    using Deliver = UniqueFunction<void(const Bytes* payload)>;

    explicit Answer(Deliver deliver) noexcept : deliver_(std::move(deliver)) {}
    Answer(Answer&&) noexcept = default;
    Answer& operator=(Answer&& other) noexcept;
    ~Answer();

    /// The payload is copied before return.
    void give(Bytes payload);
    void decline();

private:
    void deliver(const Bytes* payload);
    Deliver deliver_;
};

/// What came back of a question put to several nodes.
struct Answers {
    struct One {
        NodeId node{};
        std::vector<std::byte> payload{};
    };
    enum class Why {
        late,      ///< Nothing came until the deadline.
        gone,      ///< Left, died, or was not there in the first place.
        declined,  ///< It gave no answer, has no such port, or answered more than fits.
        unsent,    ///< The question could not be sent.
    };
    struct Missing {
        std::string node{};
        Why why{};

        bool operator==(const Missing&) const = default;
    };

    std::vector<One> answers{};
    std::vector<Missing> missing{};
    /// This node was not `connected`: there may be nodes that it does not know of.
    bool alone = false;

    /// Otherwise it is a partial result.
    bool complete() const noexcept { return missing.empty() && !alone; }
};

struct AskOptions {
    std::vector<std::string> nodes{};      ///< Names of those asked; empty: every other node that is alive.
    std::chrono::milliseconds timeout{0};  ///< 0: `BusOptions::ask_timeout`.
};

/// What a port is told; leave out what is not needed. All run on the bus's loop, and what is passed is valid during the
/// call. What they throw is caught and logged.
struct PortHandlers {
    /// Another node published to a topic that this port subscribed.
    std::function<void(const NodeId& from, std::string_view topic, Bytes payload)> publication{};
    /// Another node sent to this one.
    std::function<void(const NodeId& from, Bytes payload)> message{};
    std::function<void(const NodeId& from, Bytes question, Answer answer)> question{};
    std::function<void(const MemberEvent&)> member{};
    /// Changes only. `away` to anything else: subscriptions are in effect again, what was published meanwhile is lost.
    std::function<void(Health)> health{};
    /// Something of this sender was lost before what comes next; an empty topic: what it sent to this node or to all.
    std::function<void(const NodeId& from, std::string_view topic)> gap{};
};

/// One user's door to the bus: a hub, presence ... Ports of the same name on all nodes talk to each other, and have
/// topics of their own.
///
/// Order: what one node sends to one topic, or to one node, arrives in the order of the calls made one after the other;
/// at most once. A node never hears itself.
/// Thread safety: any thread. From other threads than the bus's loop, calls are queued.
/// Lifetime: may outlive the bus; then it answers `closed`.
class CRYO_API IBusPort {
public:
    virtual ~IBusPort() = default;

    /// To the other nodes that subscribed the topic. `sent` and `queued`: on its way, once at most; `dropped`: the
    /// backend is away or too much waits; `too_large`; `closed`.
    virtual SendStatus publish(std::string_view topic, Bytes payload) = 0;
    /// To one node; `dropped` also when it is not alive.
    virtual SendStatus send(std::string_view node, Bytes payload) = 0;
    /// Calls `done` once: with all answers, or with those there are at the deadline; never before the bus has started,
    /// or when the loop ends before.
    virtual void ask(Bytes question, AskOptions options, UniqueFunction<void(Answers)> done) = 0;

    /// From `done` with success on, what others publish to the topic arrives. While the backend is away it waits; when
    /// the bus stops before, it is not called. Before the bus has started on its loop: on the thread that starts it.
    /// Errors, given to `done`: `invalid_argument` for a topic (1 to 1,024 bytes) or one more than `max_topics`,
    /// `wrong_state` when unsubscribed or closed meanwhile, `system` when the backend refuses.
    virtual void subscribe(std::string_view topic, UniqueFunction<void(Result<>)> done) = 0;
    /// Called on the bus's loop: nothing of the topic arrives after it.
    virtual void unsubscribe(std::string_view topic) = 0;

    /// Ends all subscriptions. Called on the bus's loop: no handler runs after it.
    virtual void close() = 0;
};

/// Limits and times of a bus. All nodes of a cluster should have the same.
struct BusOptions {
    /// Nodes with the same one belong together; other clusters can use the same backend. 1 to 32 of
    /// `A-Z a-z 0-9 _ -`.
    std::string cluster = "cryo";
    /// This node's name, unique in the cluster: 1 to 64 of the same. Empty: 16 random bytes in hexadecimal.
    std::string node{};

    std::chrono::milliseconds heartbeat_interval{1000};
    /// Silence for so long is death; told at most a quarter of `heartbeat_interval` later. At least twice
    /// `heartbeat_interval`.
    std::chrono::milliseconds death_after{4000};
    std::chrono::milliseconds ask_timeout{2000};

    std::size_t max_nodes = 1024;
    std::size_t max_topics = 1'000'000;  ///< Subscribed on this node.
    std::size_t max_ports = 64;
    std::size_t max_asks = 1024;                ///< Of this node, waiting for answers.
    std::size_t max_questions = 1024;           ///< Of others, waiting for this node's answer.
    std::size_t max_answer_bytes = 64u << 20;   ///< Of one ask, all answers together.
    std::size_t max_waiting_bytes = 64u << 20;  ///< From other threads, on the way to the bus's loop.
    std::shared_ptr<ILogger> logger{};          ///< Null: silent.
};

/// Joins processes: membership with heartbeats and epochs, topics by interest, messages, questions. See docs/cluster.md
/// for what is promised when something fails.
///
/// Thread safety: as said at each method. Lifetime: destroyed on its loop's thread, or after the loop has ended.
class CRYO_API INodeBus {
public:
    virtual ~INodeBus() = default;

    /// On the loop's thread, or before the loop runs on the thread that starts the server; once only.
    virtual Result<> start(const LoopPtr& loop) = 0;
    /// Takes leave of the others and disconnects; `done` on the loop, in about a second at most. Any thread.
    virtual void stop(UniqueFunction<void()> done) = 0;

    /// Errors: `duplicate`, `invalid_argument` for the name (1 to 32 of `A-Z a-z 0-9 _ -`) or one too many. Before
    /// `start`, or on the bus's loop.
    virtual Result<std::shared_ptr<IBusPort>> open(std::string_view name, PortHandlers handlers) = 0;

    virtual NodeId self() const = 0;                  ///< Any thread. Epoch 0 before `start`.
    virtual std::vector<NodeId> members() const = 0;  ///< The others that are alive, by name. Any thread.
    virtual Health health() const noexcept = 0;       ///< Any thread.
    virtual BusStats stats() const = 0;               ///< Any thread.
};

/// Makes a bus over a backend. Errors: `invalid_option`, naming each.
CRYO_API Result<std::shared_ptr<INodeBus>> make_node_bus(BusOptions options, std::unique_ptr<IPubSub> backend);

/// Starts a bus on a server's first loop when the server starts, and stops it when the server drains. Register it
/// before extensions that use the bus.
CRYO_API std::shared_ptr<IExtension> make_bus_extension(std::shared_ptr<INodeBus> bus);

}  // namespace cryo::cluster
