#include "hub_interests.h"

#include <utility>

namespace cryo::cluster {

std::string bus_topic(const hub::Target& target) {
    switch (target.kind) {
        case hub::Target::Kind::topic:
            return 't' + target.name;
        case hub::Target::Kind::user:
            return 'u' + target.name;
        case hub::Target::Kind::connection:
            return 'c' + target.name;
        case hub::Target::Kind::everybody:
            break;
    }
    return std::string(kEverybodyTopic);
}

std::string bus_topic(const hub::Interest& interest) {
    switch (interest.kind) {
        case hub::Interest::Kind::topic:
            return 't' + interest.name;
        case hub::Interest::Kind::user:
            return 'u' + interest.name;
        case hub::Interest::Kind::connection:
            break;
    }
    return 'c' + interest.name;
}

/// The hub is asked under the lock under which its answer is acted upon: whoever asks last gets what counts.
void HubInterests::changed(const hub::Interest& interest) {
    const auto hub = hub_.lock();
    if (!hub) return;
    const auto topic = bus_topic(interest);
    std::vector<SettlementPtr> done;
    {
        const std::lock_guard lock(mutex_);
        if (hub->interested(interest)) {
            subscribe(topic);
        } else {
            told_.erase(topic);
            port_->unsubscribe(topic);
            if (const auto found = pending_.find(topic); found != pending_.end()) {
                release(found->second.waiting, done);
                pending_.erase(found);
            }
        }
    }
    for (const auto& settlement : done) settlement->done();
}

HubInterests::Pending& HubInterests::subscribe(const std::string& topic) {
    const auto generation = ++last_generation_;
    told_.insert(topic);
    auto& pending = pending_[topic];
    pending.generation = generation;
    port_->subscribe(topic, [weak = weak_from_this(), topic, generation](const Result<>&) {
        if (const auto self = weak.lock()) self->on_subscribed(topic, generation);
    });
    return pending;
}

/// In effect, or refused, which the bus has logged: there is nothing to wait for any more.
void HubInterests::on_subscribed(const std::string& topic, std::uint64_t generation) {
    std::vector<SettlementPtr> done;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pending_.find(topic);
        if (found == pending_.end() || found->second.generation != generation) return;
        release(found->second.waiting, done);
        pending_.erase(found);
    }
    for (const auto& settlement : done) settlement->done();
}

void HubInterests::settle(const std::vector<hub::Interest>& interests, UniqueFunction<void()> done) {
    const auto hub = hub_.lock();
    {
        const std::lock_guard lock(mutex_);
        const auto settlement = std::make_shared<Settlement>();
        const auto wait_for = [&](Pending& pending) {
            pending.waiting.push_back(settlement);
            ++settlement->left;
        };
        for (const auto& interest : interests) {
            if (alone_) break;
            const auto topic = bus_topic(interest);
            if (const auto found = pending_.find(topic); found != pending_.end()) {
                wait_for(found->second);
            } else if (!told_.contains(topic) && hub && hub->interested(interest)) {
                wait_for(subscribe(topic));
            }
        }
        if (settlement->left > 0) {
            settlement->done = std::move(done);
            return;
        }
    }
    done();
}

void HubInterests::set_alone(bool alone) {
    std::vector<SettlementPtr> done;
    {
        const std::lock_guard lock(mutex_);
        alone_ = alone;
        if (alone) {
            for (auto& [topic, pending] : pending_) release(pending.waiting, done);
        }
    }
    for (const auto& settlement : done) settlement->done();
}

bool HubInterests::listens_to(std::string_view topic) const {
    if (topic == kEverybodyTopic) return true;
    const auto hub = hub_.lock();
    if (!hub || topic.empty()) return false;
    using Kind = hub::Interest::Kind;
    const auto kind = topic[0] == 't' ? Kind::topic : topic[0] == 'u' ? Kind::user : Kind::connection;
    {
        const std::lock_guard lock(mutex_);
        if (pending_.contains(std::string(topic))) return false;
    }
    return hub->interested({kind, std::string(topic.substr(1))});
}

void HubInterests::release(std::vector<SettlementPtr>& waiting, std::vector<SettlementPtr>& done) {
    for (auto& settlement : std::exchange(waiting, {})) {
        if (--settlement->left == 0) done.push_back(std::move(settlement));
    }
}

}  // namespace cryo::cluster
