// What the bus does with what arrives.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "node_bus.h"

namespace cryo::cluster {
namespace {

// Senders that one channel remembers beside those that are alive, before it looks which ones are over.
constexpr std::size_t kStaleSenders = 64;

}  // namespace

void NodeBus::on_message(std::string_view channel, Bytes bytes) {
    if (!running()) return;
    const auto envelope = decode_envelope(bytes);
    if (!envelope) return shared_->counters.malformed.add();
    if (envelope->sender == name_) return on_own(*envelope);

    // A sender that was unknown is told of, and whoever is told may do anything; look up channels after that.
    const auto* node = known_sender(*envelope);
    if (!node) return;
    const Sender sender{node->id, node->life};
    if (channel == all_channel_) return on_direct(to_all_, *envelope, sender);
    if (channel == own_channel_) return on_direct(to_self_, *envelope, sender);
    const auto found = topics_.find(channel);
    if (found == topics_.end()) return;
    const auto topic = found->second;  // unsubscribed from within the handler, it still has to be there
    if (envelope->kind != EnvelopeKind::publication) return shared_->counters.malformed.add();
    on_publication(topic, *envelope, sender);
}

void NodeBus::on_own(const Envelope& envelope) {
    if (envelope.epoch == epoch_) {
        if (probe_.sequence != 0 && envelope.sequence == probe_.sequence) on_probe(probe_.sent);
        return;
    }
    if (envelope.epoch < epoch_) return;  // an earlier life
    log(LogLevel::error, fmt::format("another process took this node's name, and this one leaves the cluster node={} "
                                     "epoch={} other_epoch={}; give each process a name of its own",
                                     name_, epoch_, envelope.epoch));
    leave_silently(Health::displaced, "another process has this name");
    backend_->stop([] {});
}

const Membership::Node* NodeBus::known_sender(const Envelope& envelope) {
    const auto now = loop_->now();
    const auto heard = members_.heard(envelope.sender, envelope.epoch, now);
    switch (heard.verdict) {
        case Membership::Verdict::known:
            return heard.node;
        case Membership::Verdict::dead:
            shared_->counters.dead_epochs.add();
            if (envelope.kind != EnvelopeKind::goodbye) bury_again(*heard.node, envelope.epoch);
            return nullptr;
        case Membership::Verdict::full:
            shared_->counters.refused_nodes.add();
            return nullptr;
        case Membership::Verdict::joined:
        case Membership::Verdict::replaced:
            break;
    }
    if (envelope.kind == EnvelopeKind::goodbye && heard.verdict == Membership::Verdict::joined) {
        members_.left(heard.node->id, now);  // gone before it was known
        return nullptr;
    }
    const auto id = heard.node->id;
    if (heard.verdict == Membership::Verdict::replaced) tell_members(MemberEvent::Kind::died, {heard.before});
    tell_members(MemberEvent::Kind::joined, {id});
    return members_.find(id.name);
}

/// Tells a node that lives on that it is dead here; once in a while.
void NodeBus::bury_again(Membership::Node& node, std::uint64_t epoch) {
    const auto now = loop_->now();
    if (node.obituary_sent != Time{} && now - node.obituary_sent < options_.heartbeat_interval) return;
    node.obituary_sent = now;
    transmit_to(node.id.name, {.kind = EnvelopeKind::obituary, .number = epoch});
}

bool NodeBus::in_order(ReceiveSequence& received, const Envelope& envelope, const Sender& sender, bool& gap) {
    const auto verdict = received.take(sender.life, envelope.sequence, envelope.back);
    if (verdict == ReceiveSequence::Verdict::duplicate) {
        shared_->counters.duplicates.add();
        return false;
    }
    gap = verdict == ReceiveSequence::Verdict::after_gap;
    if (gap) shared_->counters.gaps.add();
    if (received.size() > members_.alive_count() + kStaleSenders) {
        received.forget_if([this](std::uint32_t life) { return members_.is_over(life); });
    }
    return true;
}

void NodeBus::on_publication(const std::shared_ptr<Topic>& topic, const Envelope& envelope, const Sender& sender) {
    bool gap = false;
    if (!in_order(topic->received, envelope, sender, gap)) return;
    auto& port = *topic->port;
    if (gap) call(port, port.handlers.gap, "gap", sender.id, topic->topic);
    shared_->counters.received.add();
    call(port, port.handlers.publication, "publication", sender.id, topic->topic, envelope.payload);
}

void NodeBus::on_direct(ReceiveSequence& received, const Envelope& envelope, const Sender& sender) {
    bool gap = false;
    if (!in_order(received, envelope, sender, gap)) return;
    if (gap) call_all(&PortHandlers::gap, "gap", sender.id, std::string_view());
    switch (envelope.kind) {
        case EnvelopeKind::hello:  // it wants to know who is here
            next_heartbeat_ = loop_->now();
            return;
        case EnvelopeKind::heartbeat:
            return;
        case EnvelopeKind::goodbye:
            if (members_.left(sender.id, loop_->now())) tell_members(MemberEvent::Kind::left, {sender.id});
            return;
        case EnvelopeKind::obituary:
            if (envelope.number != epoch_) return;
            log(LogLevel::warning, fmt::format("held for dead by another node, beginning a new life node={} epoch={} "
                                               "by={}",
                                               name_, epoch_, sender.id.name));
            begin_life();
            send_probe(EnvelopeKind::hello);
            return;
        case EnvelopeKind::message:
            return on_port_message(envelope, sender.id);
        case EnvelopeKind::question:
            return on_question(envelope, sender.id);
        case EnvelopeKind::answer:
            return asks_.answered(envelope.number, sender.id, envelope.payload);
        case EnvelopeKind::decline:
            return asks_.missing(envelope.number, sender.id, Answers::Why::declined);
        case EnvelopeKind::publication:
            return shared_->counters.malformed.add();
    }
}

void NodeBus::on_port_message(const Envelope& envelope, const NodeId& from) {
    const auto port = port_named(envelope.port);
    if (!port) return shared_->counters.unknown_ports.add();
    shared_->counters.received.add();
    call(*port, port->handlers.message, "message", from, envelope.payload);
}

void NodeBus::on_question(const Envelope& envelope, const NodeId& from) {
    const auto port = port_named(envelope.port);
    if (!port) shared_->counters.unknown_ports.add();
    if (!port || !port->handlers.question || open_questions_ >= options_.max_questions) {
        return answer(from.name, envelope.number, nullptr);
    }
    ++open_questions_;
    shared_->counters.received.add();
    // The answer may be given, or thrown away, on any thread.
    Answer right(
        [bus = weak_from_this(), loop = loop_, to = from.name, number = envelope.number](const Bytes* payload) {
            const Bytes bytes = payload ? *payload : Bytes();
            auto deliver = [bus, to, number, given = payload != nullptr,
                            copy = std::vector<std::byte>(bytes.begin(), bytes.end())] {
                const auto alive = bus.lock();
                if (!alive) return;
                --alive->open_questions_;
                const Bytes answer(copy);
                alive->answer(to, number, given ? &answer : nullptr);
            };
            if (loop->in_loop_thread()) return deliver();
            loop->post(std::move(deliver));
        });
    call(*port, port->handlers.question, "question", from, envelope.payload, std::move(right));
}

}  // namespace cryo::cluster
