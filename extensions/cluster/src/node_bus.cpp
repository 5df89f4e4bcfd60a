#include "node_bus.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "channel.h"

namespace cryo::cluster {
namespace {

constexpr std::string_view kComponent = "cluster";

std::string random_name() {
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return {};
    std::string name;
    for (const auto byte : bytes) name += fmt::format("{:02x}", byte);
    return name;
}

/// Epochs rise from one process to the next by the time of day, and from life to life within a process by one; a few
/// random bits keep two processes apart that start in the same millisecond.
std::uint64_t first_epoch() {
    constexpr unsigned kLifeBits = 12, kRandomBits = 10;
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    std::uint16_t random = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&random), sizeof random);
    const std::uint64_t low = random & ((1u << kRandomBits) - 1);
    return static_cast<std::uint64_t>(now.count()) << (kLifeBits + kRandomBits) | low << kLifeBits;
}

std::string_view name_of(Health health) noexcept {
    switch (health) {
        case Health::away:
            return "away";
        case Health::joining:
            return "joining";
        case Health::connected:
            return "connected";
        case Health::displaced:
            return "displaced";
        case Health::stopped:
            return "stopped";
    }
    return "?";
}

std::string_view name_of(MemberEvent::Kind kind) noexcept {
    switch (kind) {
        case MemberEvent::Kind::joined:
            return "joined";
        case MemberEvent::Kind::left:
            return "left";
        case MemberEvent::Kind::died:
            return "died";
    }
    return "?";
}

std::string problems_of(const BusOptions& options) {
    std::string problems;
    const auto want = [&](bool good, std::string_view what) {
        if (!good) problems += fmt::format("{}{}", problems.empty() ? "" : "; ", what);
    };
    want(is_name(options.cluster, kMaxClusterBytes),
         fmt::format("cluster \"{}\" must be 1 to 32 of A-Z a-z 0-9 _ -", options.cluster));
    want(options.node.empty() || is_name(options.node, kMaxNodeBytes),
         fmt::format("node \"{}\" must be 1 to 64 of A-Z a-z 0-9 _ -", options.node));
    want(options.heartbeat_interval >= std::chrono::milliseconds(10),
         fmt::format("heartbeat_interval {} ms must be at least 10 ms", options.heartbeat_interval.count()));
    want(options.death_after >= 2 * options.heartbeat_interval,
         fmt::format("death_after {} ms must be at least twice heartbeat_interval", options.death_after.count()));
    want(options.ask_timeout.count() > 0, "ask_timeout must be positive");
    want(options.max_nodes > 0 && options.max_topics > 0 && options.max_ports > 0 && options.max_asks > 0 &&
             options.max_questions > 0 && options.max_answer_bytes > 0 && options.max_waiting_bytes > 0,
         "limits must be positive");
    return problems;
}

std::size_t payload_room(const IPubSub& backend) noexcept {
    const auto most = backend.max_payload();
    return most > kMaxEnvelopeOverhead ? most - kMaxEnvelopeOverhead : 0;
}

}  // namespace

Answer& Answer::operator=(Answer&& other) noexcept {
    if (this != &other) {
        decline();
        deliver_ = std::move(other.deliver_);
    }
    return *this;
}

Answer::~Answer() { decline(); }
void Answer::give(Bytes payload) { deliver(&payload); }
void Answer::decline() { deliver(nullptr); }

void Answer::deliver(const Bytes* payload) {
    if (auto once = std::move(deliver_)) once(payload);
}

Result<std::shared_ptr<INodeBus>> make_node_bus(BusOptions options, std::unique_ptr<IPubSub> backend) {
    if (!backend) return Error{Errc::invalid_argument, "a bus needs a backend"};
    if (auto problems = problems_of(options); !problems.empty()) {
        return Error{Errc::invalid_option, "bus: " + problems};
    }
    if (options.node.empty()) options.node = random_name();
    if (options.node.empty()) return Error{Errc::system, "no random bytes for the node's name"};
    return std::shared_ptr<INodeBus>(std::make_shared<NodeBus>(std::move(options), std::move(backend)));
}

NodeBus::NodeBus(BusOptions options, std::unique_ptr<IPubSub> backend)
    : options_(std::move(options)),
      name_(options_.node),
      backend_(std::move(backend)),
      shared_(std::make_shared<BusShared>(options_.max_waiting_bytes, NodeId{name_, 0})),
      all_channel_(all_nodes_channel(options_.cluster)),
      own_channel_(node_channel(options_.cluster, name_)),
      epoch_(first_epoch()),
      members_(options_.max_nodes),
      asks_({options_.max_asks, options_.max_answer_bytes}, shared_->counters.asks, shared_->counters.timed_out_asks) {}

// -- life -------------------------------------------------------------------------------------------------------------

Result<> NodeBus::start(const LoopPtr& loop) {
    if (shared_->started()) return Error{Errc::wrong_state, "a bus is started once only"};
    PubSubHandlers handlers;
    handlers.message = [this](std::string_view channel, Bytes bytes) { on_message(channel, bytes); };
    handlers.link = [this](Link link, std::string_view detail) { on_link(link, detail); };
    if (auto started = backend_->start(loop, std::move(handlers)); !started) return started;

    loop_ = loop;
    shared_->max_payload = payload_room(*backend_);
    shared_->start(loop);
    shared_->health = Health::away;
    asks_.start(loop, epoch_);
    begin_life();
    proved_ = last_pulse_ = loop_->now();
    for (const auto& channel : {all_channel_, own_channel_}) {
        backend_->subscribe(channel, [this](Result<> result) { on_own_subscription(result); });
    }
    for (auto& subscribe_now : std::exchange(asked_early_, {})) subscribe_now();
    pulse_timer_ = loop_->make_timer([this] { pulse(); });
    pulse_timer_->start(options_.heartbeat_interval / 4);
    return {};
}

void NodeBus::on_own_subscription(const Result<>& result) {
    if (result) return;
    log(LogLevel::error, fmt::format("this node cannot listen, and stays alone: {}", result.error().message));
}

void NodeBus::stop(UniqueFunction<void()> done) {
    if (!shared_->started()) return done();
    if (loop_->in_loop_thread()) return end(std::move(done));
    loop_->post([bus = weak_from_this(), then = std::move(done)]() mutable {
        if (const auto alive = bus.lock()) return alive->end(std::move(then));
        then();
    });
}

void NodeBus::end(UniqueFunction<void()> done) {
    if (!running()) {
        loop_->post(std::move(done));
        return;
    }
    if (link_ == Link::up) transmit(all_channel_, {.kind = EnvelopeKind::goodbye});
    leave_silently(Health::stopped, "stopped");
    backend_->stop(std::move(done));
}

/// Without a goodbye, and for good.
void NodeBus::leave_silently(Health last, std::string_view why) {
    pulse_timer_->cancel();
    link_ = Link::away;
    asks_.end_all();
    const auto gone = members_.forget_all(loop_->now());
    shared_->set_members({});
    set_health(last, why);
    for (const auto& node : gone) call_all(&PortHandlers::member, "member", MemberEvent{MemberEvent::Kind::died, node});
}

void NodeBus::on_link(Link link, std::string_view detail) {
    if (!running()) return;
    link_ = link;
    if (link == Link::away) return set_health(Health::away, detail);
    shared_->max_payload = payload_room(*backend_);
    log(LogLevel::info, fmt::format("backend reached backend={} {}", backend_->backend(), detail));
    if (known_to_others_ && loop_->now() - proved_ >= options_.death_after) cut_off("out of touch for too long");
    send_probe(EnvelopeKind::hello);
}

void NodeBus::pulse() {
    wake_if_slept();
    const auto now = loop_->now();
    last_pulse_ = now;
    if (known_to_others_ && now - proved_ >= options_.death_after) cut_off("does not hear itself");
    if (link_ == Link::up && now >= next_heartbeat_) {
        send_probe(health() == Health::away ? EnvelopeKind::hello : EnvelopeKind::heartbeat);
    }
    // Only while this node hears itself can it tell that somebody else is silent.
    if (now - proved_ <= 2 * options_.heartbeat_interval) {
        if (const auto died = members_.expire(now - options_.death_after, now); !died.empty()) {
            tell_members(MemberEvent::Kind::died, died);
        }
    }
    if (health() == Health::joining && now >= settled_at_) set_health(Health::connected, "");
    if (running()) pulse_timer_->start(options_.heartbeat_interval / 4);
}

void NodeBus::wake_if_slept() {
    const auto now = loop_->now();
    if (now - last_pulse_ < options_.death_after || !running()) return;
    last_pulse_ = now;
    if (!known_to_others_) return;
    cut_off("this process did not run for too long");
    if (link_ == Link::up) send_probe(EnvelopeKind::hello);
}

void NodeBus::cut_off(std::string_view why) {
    set_health(Health::away, why);
    begin_life();
    proved_ = loop_->now();
    tell_members(MemberEvent::Kind::died, members_.forget_all(loop_->now()));
}

void NodeBus::begin_life() {
    ++epoch_;
    sent_.restart();
    probe_ = {};
    known_to_others_ = false;
    shared_->set_self({name_, epoch_});
    shared_->counters.epochs.add();
}

/// A heartbeat of this life came back.
void NodeBus::on_probe(Time sent) {
    proved_ = sent;
    const auto now = loop_->now();
    const auto hop = std::chrono::duration_cast<std::chrono::microseconds>(now - sent);
    shared_->counters.hop_microseconds.set(static_cast<std::uint64_t>(hop.count()));
    if (health() != Health::away || link_ != Link::up) return;
    settled_at_ = now + options_.heartbeat_interval;
    set_health(Health::joining, "");
}

void NodeBus::set_health(Health health, std::string_view why) {
    const auto before = shared_->health.exchange(health);
    if (before == health) return;
    const bool good = health != Health::away && health != Health::displaced;
    if (health == Health::away) shared_->counters.outages.add();
    log(good ? LogLevel::info : LogLevel::warning,
        fmt::format("bus {} backend={} node={} epoch={} nodes={}{}{}", name_of(health), backend_->backend(), name_,
                    epoch_, members_.alive_count(), why.empty() ? "" : ": ", why));
    call_all(&PortHandlers::health, "health", health);
}

void NodeBus::tell_members(MemberEvent::Kind kind, const std::vector<NodeId>& nodes) {
    if (nodes.empty()) return;
    shared_->set_members(members_.alive());
    for (const auto& node : nodes) {
        log(kind == MemberEvent::Kind::died ? LogLevel::warning : LogLevel::info,
            fmt::format("node {} node={} epoch={}", name_of(kind), node.name, node.epoch));
        if (kind != MemberEvent::Kind::joined) asks_.gone(node);
        call_all(&PortHandlers::member, "member", MemberEvent{kind, node});
    }
}

// -- ports ------------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<IBusPort>> NodeBus::open(std::string_view name, PortHandlers handlers) {
    if (!is_name(name, kMaxPortBytes)) {
        return Error{Errc::invalid_argument,
                     fmt::format("port \"{}\" must be 1 to 32 of A-Z a-z 0-9 _ -", name.substr(0, 64))};
    }
    if (port_named(name)) return Error{Errc::duplicate, fmt::format("the bus has a port \"{}\" already", name)};
    if (ports_.size() >= options_.max_ports) {
        return Error{Errc::invalid_argument, fmt::format("more ports than max_ports = {}", options_.max_ports)};
    }
    ports_.push_back(std::make_shared<BusPort>(std::string(name), std::move(handlers), weak_from_this(), shared_));
    return std::shared_ptr<IBusPort>(ports_.back());
}

void NodeBus::forget(const BusPort& port) {
    std::vector<std::string> topics;
    for (const auto& [channel, topic] : topics_) {
        if (topic->port.get() == &port) topics.push_back(topic->topic);
    }
    for (const auto& topic : topics) unsubscribe(port, topic);
    std::erase_if(ports_, [&](const auto& one) { return one.get() == &port; });
}

std::shared_ptr<BusPort> NodeBus::port_named(std::string_view name) const noexcept {
    const auto found = std::find_if(ports_.begin(), ports_.end(),
                                    [&](const auto& port) { return port->name() == name && !port->closed(); });
    return found == ports_.end() ? nullptr : *found;
}

BusStats NodeBus::stats() const {
    const auto& counters = shared_->counters;
    BusStats stats;
    stats.health = health();
    stats.nodes = counters.nodes.get();
    stats.topics = counters.topics.get();
    stats.asks = counters.asks.get();
    stats.sent = counters.sent.get();
    stats.dropped = counters.dropped.get();
    stats.too_large = counters.too_large.get();
    stats.received = counters.received.get();
    stats.duplicates = counters.duplicates.get();
    stats.gaps = counters.gaps.get();
    stats.dead_epochs = counters.dead_epochs.get();
    stats.malformed = counters.malformed.get();
    stats.refused_nodes = counters.refused_nodes.get();
    stats.refused_topics = counters.refused_topics.get();
    stats.unknown_ports = counters.unknown_ports.get();
    stats.outages = counters.outages.get();
    stats.epochs = counters.epochs.get();
    stats.timed_out_asks = counters.timed_out_asks.get();
    stats.hop = std::chrono::microseconds(counters.hop_microseconds.get());
    stats.backend = backend_->stats();
    return stats;
}

void NodeBus::log_thrown(const BusPort& port, std::string_view handler, std::string_view what) const {
    log(LogLevel::error, fmt::format("handler threw port={} handler={}: {}", port.name(), handler, what));
}

void NodeBus::log(LogLevel level, std::string_view message) const noexcept {
    if (!options_.logger) return;
    try {
        options_.logger->log(level, kComponent, message);
    } catch (...) {  // a logger that fails stops nobody
    }
}

}  // namespace cryo::cluster
