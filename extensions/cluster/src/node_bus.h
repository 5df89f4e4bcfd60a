#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cryo/cluster/node_bus.h>

#include "asks.h"
#include "bus_port.h"
#include "bus_shared.h"
#include "envelope.h"
#include "membership.h"
#include "sequence.h"

namespace cryo::cluster {

/// The bus. On its loop's thread, where the public methods do not say otherwise.
///
/// A node hears its own heartbeats: one that comes back proves that at the time it was sent the backend worked, and
/// that whatever others had sent to all before it has been heard. So a node tells "the others are silent" (they are
/// dead) from "I hear nobody" (I am cut off), whatever the backend says of its link.
class NodeBus final : public INodeBus, public std::enable_shared_from_this<NodeBus> {
public:
    NodeBus(BusOptions options, std::unique_ptr<IPubSub> backend);

    // -- INodeBus (node_bus.cpp) -------------------------------------------------------------------------------------
    Result<> start(const LoopPtr& loop) override;
    void stop(UniqueFunction<void()> done) override;
    Result<std::shared_ptr<IBusPort>> open(std::string_view name, PortHandlers handlers) override;
    NodeId self() const override { return shared_->self(); }
    std::vector<NodeId> members() const override { return shared_->members(); }
    Health health() const noexcept override { return shared_->health; }
    BusStats stats() const override;

    // -- what ports ask for (bus_send.cpp) ---------------------------------------------------------------------------
    SendStatus publish(BusPort& port, std::string_view topic, Bytes payload);
    SendStatus send(BusPort& port, std::string_view node, Bytes payload);
    void ask(BusPort& port, Bytes question, AskOptions options, UniqueFunction<void(Answers)> done);
    /// Too much waits: nobody is asked.
    void fail_ask(AskOptions options, UniqueFunction<void(Answers)> done);
    void subscribe(const std::shared_ptr<BusPort>& port, std::string topic, UniqueFunction<void(Result<>)> done);
    void unsubscribe(const BusPort& port, std::string_view topic);
    void forget(const BusPort& port);

private:
    using Time = Loop::Clock::time_point;

    struct Topic {
        std::shared_ptr<BusPort> port;
        std::string topic;
        std::string channel;
        ReceiveSequence received{};
    };
    struct Sender {
        NodeId id;
        std::uint32_t life;
    };
    struct Probe {
        std::uint64_t sequence = 0;
        Time sent{};
    };

    // -- life (node_bus.cpp) -----------------------------------------------------------------------------------------
    bool running() const noexcept { return health() != Health::stopped && health() != Health::displaced; }
    void on_link(Link link, std::string_view detail);
    void on_own_subscription(const Result<>& result);
    void pulse();
    void end(UniqueFunction<void()> done);
    void leave_silently(Health last, std::string_view why);
    /// Others may hold this node for dead, or it cannot tell who is alive: it starts over.
    void cut_off(std::string_view why);
    void begin_life();
    void wake_if_slept();
    void on_probe(Time sent);
    void set_health(Health health, std::string_view why);
    void tell_members(MemberEvent::Kind kind, const std::vector<NodeId>& nodes);

    // -- incoming (bus_receive.cpp) ----------------------------------------------------------------------------------
    void on_message(std::string_view channel, Bytes bytes);
    void on_own(const Envelope& envelope);
    /// Null: refused.
    const Membership::Node* known_sender(const Envelope& envelope);
    void bury_again(Membership::Node& node, std::uint64_t epoch);
    void on_publication(const std::shared_ptr<Topic>& topic, const Envelope& envelope, const Sender& sender);
    void on_direct(ReceiveSequence& received, const Envelope& envelope, const Sender& sender);
    void on_port_message(const Envelope& envelope, const NodeId& from);
    void on_question(const Envelope& envelope, const NodeId& from);
    /// False: a duplicate.
    bool in_order(ReceiveSequence& received, const Envelope& envelope, const Sender& sender, bool& gap);
    /// Null: there is none. A handler may let go of its port: hold it while one runs.
    std::shared_ptr<BusPort> port_named(std::string_view name) const noexcept;

    // -- outgoing (bus_send.cpp) -------------------------------------------------------------------------------------
    SendStatus transmit(std::string_view channel, Envelope envelope);
    SendStatus transmit_to(std::string_view node, Envelope envelope);
    void send_probe(EnvelopeKind kind);
    void answer(std::string_view node, std::uint64_t number, const Bytes* payload);
    void put_question(const std::vector<NodeId>& nodes, bool open, const Envelope& question);
    void note_too_many_topics(const BusPort& port);
    void drop_topic(const Topic& refused, const Error& reason);

    // -- user code (node_bus.cpp) ------------------------------------------------------------------------------------
    template <class Function>
    void fenced(const BusPort& port, std::string_view what, Function&& function);
    template <class Handler, class... Args>
    void call(BusPort& port, const Handler& handler, std::string_view what, Args&&... args);
    template <class Handler, class... Args>
    void call_all(Handler PortHandlers::*handler, std::string_view what, const Args&... args);
    void log_thrown(const BusPort& port, std::string_view handler, std::string_view what) const;
    void log(LogLevel level, std::string_view message) const noexcept;

    const BusOptions options_;
    const std::string name_;
    const std::unique_ptr<IPubSub> backend_;
    const std::shared_ptr<BusShared> shared_;
    LoopPtr loop_{};

    const std::string all_channel_, own_channel_;
    std::uint64_t epoch_;
    SendSequence sent_{};
    std::vector<std::byte> out_{};

    Membership members_;
    ReceiveSequence to_all_{}, to_self_{};
    std::vector<std::shared_ptr<BusPort>> ports_{};
    std::unordered_map<std::string_view, std::shared_ptr<Topic>> topics_{};  ///< By channel.
    std::vector<UniqueFunction<void()>> asked_early_{};                      ///< Subscriptions before the start.
    Time too_many_topics_logged_{};
    Asks asks_;
    std::size_t open_questions_ = 0;

    std::unique_ptr<LoopTimer> pulse_timer_{};
    Link link_ = Link::away;
    Time last_pulse_{};
    Time next_heartbeat_{};
    Time settled_at_{};             ///< While `joining`: when the others have had time to answer.
    Probe probe_{};                 ///< The last heartbeat or hello.
    Time proved_{};                 ///< When the last one was sent that came back.
    bool known_to_others_ = false;  ///< In this life something may have been heard of this node.
};

/// What users' handlers throw stays with them.
template <class Function>
void NodeBus::fenced(const BusPort& port, std::string_view what, Function&& function) {
    try {
        function();
    } catch (const std::exception& error) {
        log_thrown(port, what, error.what());
    } catch (...) {
        log_thrown(port, what, "not a std::exception");
    }
}

template <class Handler, class... Args>
void NodeBus::call(BusPort& port, const Handler& handler, std::string_view what, Args&&... args) {
    if (!handler || port.closed()) return;
    fenced(port, what, [&] { handler(std::forward<Args>(args)...); });
}

template <class Handler, class... Args>
void NodeBus::call_all(Handler PortHandlers::*handler, std::string_view what, const Args&... args) {
    const auto ports = ports_;  // handlers may open and close ports
    for (const auto& port : ports) call(*port, port->handlers.*handler, what, args...);
}

}  // namespace cryo::cluster
