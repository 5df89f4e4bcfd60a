#include "publish.h"

#include <algorithm>

#include "hub_state.h"

namespace cryo::hub {
namespace {

/// Whether it can be sent to the topic's groups as they are.
bool is_plain(const Audience& audience) noexcept {
    const auto is_unfiltered = [](const Target& target) { return target.only_session.empty(); };
    if (audience.to.size() != 1 || !is_unfiltered(audience.to[0])) return false;
    const Target::Kind kind = audience.to[0].kind;
    return (kind == Target::Kind::topic || kind == Target::Kind::everybody) &&
           std::ranges::all_of(audience.except, [&](const Target& target) {
               return target.kind == Target::Kind::connection && is_unfiltered(target);
           });
}

}  // namespace

void Publish::run(LoopPart& part) {
    Counts counts;
    const Audience& audience = publication_.audience;
    if (is_plain(audience)) {
        const Target& target = audience.to[0];
        Topic* const topic = target.kind == Target::Kind::topic ? part.find_topic(target.name) : part.everybody();
        if (topic) send_to(part, *topic, counts);
    } else {
        for (SubscriberImpl* const subscriber : part.select(audience)) {
            send_to(*subscriber, encoded_for(subscriber->form()), counts);
        }
    }
    add_receivers(counts.delivered);
    part.counters().deliveries.fetch_add(counts.delivered, std::memory_order_relaxed);
    part.counters().drops->fetch_add(counts.dropped, std::memory_order_relaxed);
}

void Publish::send_to(LoopPart& part, Topic& topic, Counts& counts) {
    std::vector<const SubscriberImpl*> except;
    std::vector<const Connection*> grouped_except;
    std::vector<ConnectionPtr> kept;
    for (const Target& target : publication_.audience.except) {
        SubscriberImpl* const subscriber = part.find_connection(target.name);
        if (!subscriber) continue;
        except.push_back(subscriber);
        if (!part.is_grouped(*subscriber, topic)) continue;
        if (auto connection = subscriber->outlet().connection()) {
            grouped_except.push_back(connection.get());
            kept.push_back(std::move(connection));
        }
    }
    for (std::size_t i = 0; i < topic.form_count(); ++i) {
        Topic::Branch& branch = topic.branch(i);
        const std::vector<Topic::Member> others = branch.others;  // callbacks may change it
        const Encoded message = encoded_for(branch.form);
        if (message && branch.group) {
            const auto in_group = [&](const Connection* connection) { return branch.group->contains(*connection); };
            const auto left_out = std::ranges::count_if(grouped_except, in_group);
            counts.delivered += branch.group->size() - static_cast<std::size_t>(left_out);
            branch.group->send(*message, grouped_except);
        } else if (branch.group) {
            counts.dropped += branch.group->size();
        }
        for (const Topic::Member& member : others) {
            if (std::ranges::find(except, member.subscriber) != except.end()) continue;
            send_to(*member.subscriber, message, counts);
        }
    }
}

void Publish::send_to(SubscriberImpl& subscriber, const Encoded& message, Counts& counts) {
    if (!subscriber.attached()) return;  // a callback has dropped it
    Outlet::Sent sent{.dropped = true};
    if (message) state().fenced([&] { sent = subscriber.outlet().send(*message); });
    if (sent.delivered) ++counts.delivered;
    if (sent.dropped) ++counts.dropped;
}

Publish::Encoded Publish::encoded_for(const std::shared_ptr<const IWireForm>& form) {
    if (!form) return publication_.message;
    const std::lock_guard lock(encoding_);
    for (const auto& [known, message] : encoded_) {
        if (known == form.get()) return message;
    }
    Encoded message;
    state().fenced([&] { message = form->encode(publication_); });
    encoded_.emplace_back(form.get(), message);
    return message;
}

}  // namespace cryo::hub
