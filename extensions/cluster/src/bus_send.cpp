// What the bus sends, and what ports ask for.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "channel.h"
#include "node_bus.h"

namespace cryo::cluster {

// -- the wire ---------------------------------------------------------------------------------------------------------

SendStatus NodeBus::transmit(std::string_view channel, Envelope envelope) {
    wake_if_slept();  // what others hold for dead says nothing any more
    const bool carries = has_payload(envelope.kind);
    if (link_ == Link::away) {
        if (carries) shared_->counters.dropped.add();
        return SendStatus::dropped;
    }
    if (envelope.payload.size() > shared_->max_payload) {
        shared_->counters.too_large.add();
        return SendStatus::too_large;
    }
    const auto stamp = sent_.next(channel);
    envelope.sender = name_;
    envelope.epoch = epoch_;
    envelope.sequence = stamp.sequence;
    envelope.back = stamp.back;
    encode_envelope(envelope, out_);
    if (envelope.kind == EnvelopeKind::hello || envelope.kind == EnvelopeKind::heartbeat) {
        probe_ = {stamp.sequence, loop_->now()};
    }
    known_to_others_ = true;
    const bool accepted = backend_->publish(channel, out_);
    if (carries) (accepted ? shared_->counters.sent : shared_->counters.dropped).add();
    return accepted ? SendStatus::sent : SendStatus::dropped;
}

SendStatus NodeBus::transmit_to(std::string_view node, Envelope envelope) {
    return transmit(node_channel(options_.cluster, node), std::move(envelope));
}

void NodeBus::send_probe(EnvelopeKind kind) {
    next_heartbeat_ = loop_->now() + options_.heartbeat_interval;
    transmit(all_channel_, {.kind = kind});
}

void NodeBus::answer(std::string_view node, std::uint64_t number, const Bytes* payload) {
    if (!running()) return;
    if (payload &&
        transmit_to(node, {.kind = EnvelopeKind::answer, .number = number, .payload = *payload}) == SendStatus::sent) {
        return;
    }
    transmit_to(node, {.kind = EnvelopeKind::decline, .number = number});
}

// -- for ports --------------------------------------------------------------------------------------------------------

SendStatus NodeBus::publish(BusPort& port, std::string_view topic, Bytes payload) {
    if (port.closed() || !running()) return SendStatus::closed;
    if (topic.empty() || topic.size() > kMaxTopicBytes) {
        shared_->counters.too_large.add();
        return SendStatus::too_large;
    }
    return transmit(topic_channel(options_.cluster, port.name(), topic),
                    {.kind = EnvelopeKind::publication, .payload = payload});
}

SendStatus NodeBus::send(BusPort& port, std::string_view node, Bytes payload) {
    if (port.closed() || !running()) return SendStatus::closed;
    if (!members_.find(node)) {
        shared_->counters.dropped.add();
        return SendStatus::dropped;
    }
    return transmit_to(node, {.kind = EnvelopeKind::message, .port = port.name(), .payload = payload});
}

void NodeBus::ask(BusPort& port, Bytes question, AskOptions options, UniqueFunction<void(Answers)> done) {
    if (port.closed() || !running() || asks_.full()) return fail_ask(std::move(options), std::move(done));
    Answers answers;
    answers.alone = health() != Health::connected;
    const bool open = options.nodes.empty();
    std::vector<NodeId> waiting;
    if (open) {
        waiting = members_.alive();
    } else {
        auto& names = options.nodes;
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        for (auto& name : names) {
            if (const auto* node = members_.find(name)) {
                waiting.push_back(node->id);
            } else {
                answers.missing.push_back({std::move(name), Answers::Why::gone});
            }
        }
    }
    const auto number = asks_.begin(waiting, open, std::move(answers), std::move(done));
    Envelope envelope{.kind = EnvelopeKind::question, .port = port.name(), .number = number, .payload = question};
    put_question(waiting, open, envelope);
    asks_.arm(number, options.timeout.count() > 0 ? options.timeout : options_.ask_timeout);
}

void NodeBus::put_question(const std::vector<NodeId>& nodes, bool open, const Envelope& question) {
    if (!open) {
        for (const auto& node : nodes) {
            if (transmit_to(node.name, question) != SendStatus::sent) {
                asks_.missing(question.number, node, Answers::Why::unsent);
            }
        }
    } else if (transmit(all_channel_, question) != SendStatus::sent) {
        for (const auto& node : nodes) asks_.missing(question.number, node, Answers::Why::unsent);
    }
}

void NodeBus::fail_ask(AskOptions options, UniqueFunction<void(Answers)> done) {
    Answers answers;
    answers.alone = health() != Health::connected;
    if (options.nodes.empty()) {
        for (const auto& node : members_.alive()) options.nodes.push_back(node.name);
    }
    for (auto& name : options.nodes) answers.missing.push_back({std::move(name), Answers::Why::unsent});
    asks_.end_now(std::move(answers), std::move(done));
}

void NodeBus::subscribe(const std::shared_ptr<BusPort>& port, std::string topic, UniqueFunction<void(Result<>)> done) {
    if (!shared_->started()) {
        asked_early_.push_back([this, port, name = std::move(topic), then = std::move(done)]() mutable {
            subscribe(port, std::move(name), std::move(then));
        });
        return;
    }
    const auto refuse = [&](Errc code, std::string message) {
        loop_->post([error = Error{code, std::move(message)}, then = std::move(done)]() mutable { then(error); });
    };
    if (port->closed() || !running()) return refuse(Errc::wrong_state, "the port is closed, or the bus stopped");
    if (topic.empty() || topic.size() > kMaxTopicBytes) {
        return refuse(Errc::invalid_argument, fmt::format("a topic of {} bytes; 1 to 1,024 are allowed", topic.size()));
    }
    auto channel = topic_channel(options_.cluster, port->name(), topic);
    auto found = topics_.find(channel);
    if (found == topics_.end()) {
        if (topics_.size() >= options_.max_topics) {
            note_too_many_topics(*port);
            return refuse(Errc::invalid_argument, fmt::format("more topics than max_topics = {}", options_.max_topics));
        }
        auto record = std::make_shared<Topic>(Topic{port, std::move(topic), std::move(channel)});
        const std::string_view key = record->channel;
        found = topics_.emplace(key, std::move(record)).first;
        shared_->counters.topics.set(topics_.size());
    }
    const auto& record = found->second;
    backend_->subscribe(record->channel,
                        [this, port, weak = std::weak_ptr(record), then = std::move(done)](Result<> result) mutable {
                            if (const auto topic_of = weak.lock(); topic_of && !result)
                                drop_topic(*topic_of, result.error());
                            fenced(*port, "subscribe", [&] { then(std::move(result)); });
                        });
}

/// Who subscribes may not look at errors, but what is published elsewhere does not arrive.
void NodeBus::note_too_many_topics(const BusPort& port) {
    shared_->counters.refused_topics.add();
    const auto now = loop_->now();
    if (too_many_topics_logged_ != Time{} && now - too_many_topics_logged_ < options_.heartbeat_interval) return;
    too_many_topics_logged_ = now;
    log(LogLevel::error, fmt::format("cannot subscribe port={}: max_topics = {} are subscribed; refused so far: {}",
                                     port.name(), options_.max_topics, shared_->counters.refused_topics.get()));
}

/// The backend refused it.
void NodeBus::drop_topic(const Topic& refused, const Error& reason) {
    const auto found = topics_.find(refused.channel);
    if (found == topics_.end() || found->second.get() != &refused) return;
    topics_.erase(found);
    shared_->counters.topics.set(topics_.size());
    log(LogLevel::error,
        fmt::format("cannot subscribe port={} channel={}: {}", refused.port->name(), refused.channel, reason.message));
}

void NodeBus::unsubscribe(const BusPort& port, std::string_view topic) {
    const auto found = topics_.find(topic_channel(options_.cluster, port.name(), topic));
    if (found == topics_.end() || found->second->port.get() != &port) return;
    backend_->unsubscribe(found->second->channel);
    topics_.erase(found);
    shared_->counters.topics.set(topics_.size());
}

}  // namespace cryo::cluster
