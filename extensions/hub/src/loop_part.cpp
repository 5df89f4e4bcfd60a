#include "loop_part.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "hub_state.h"

namespace cryo::hub {
namespace {

/// Operations called for by callbacks of others that are run before the loop gets to do something else.
constexpr std::size_t kLaterOnesAtOnce = 256;

}  // namespace

// -- operations ------------------------------------------------------------------------------------------------------

bool LoopPart::may_wait(std::size_t bytes) noexcept {
    const HubOptions& limits = state_.options;
    const std::size_t count = waiting_.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::size_t all_bytes = waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    // One that is larger than the limit may wait alone.
    if (count <= limits.max_waiting && (all_bytes <= limits.max_waiting_bytes || all_bytes == bytes)) return true;
    waited(bytes);
    counters_.drops->fetch_add(1, std::memory_order_relaxed);
    return false;
}

void LoopPart::waited(std::size_t bytes) noexcept {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void LoopPart::hand(const std::shared_ptr<Operation>& operation) {
    if (!may_wait(operation->waiting_bytes())) return operation->set_incomplete();
    // The operation may be the last to hold the hub's state, which owns this part.
    loop_->post([this, state = operation->shared_state(), claim = Claim(operation)]() mutable {
        waited(claim->waiting_bytes());
        run_now(std::move(claim));
        run_later_ones();
    });
}

void LoopPart::run(Claim claim) {
    // What this thread called for before comes first.
    if (running_ || !later_.empty()) {
        if (may_wait(claim->waiting_bytes())) later_.push_back(std::move(claim));
        return;
    }
    run_now(std::move(claim));
    run_later_ones();
}

void LoopPart::run_now(Claim claim) {
    running_ = true;
    state_.fenced([&] { claim->run(*this); });
    claim.done();
    running_ = false;
    tidy();
}

void LoopPart::run_later_ones() {
    for (std::size_t i = 0; i < kLaterOnesAtOnce && !later_.empty(); ++i) {
        Claim claim = std::move(later_.front());
        later_.pop_front();
        waited(claim->waiting_bytes());
        run_now(std::move(claim));
    }
    if (later_.empty() || resuming_) return;
    resuming_ = loop_->post([this, state = state_.shared_from_this()] {
        resuming_ = false;
        run_later_ones();
    });
}

/// Lets go of what an operation could have been using.
void LoopPart::tidy() {
    for (Topic* const topic : std::exchange(emptied_, {})) {
        topic->released = false;
        if (topic->empty()) erase(*topic);
    }
    const auto gone = std::exchange(dropped_, {});
}

// -- subscribers -----------------------------------------------------------------------------------------------------

Result<> LoopPart::admit(const std::shared_ptr<SubscriberImpl>& subscriber, const std::vector<std::string>& topics) {
    SubscriberImpl& self = *subscriber;
    const auto kept = self.outlet_.keep();
    if (state_.subscribers.fetch_add(1, std::memory_order_relaxed) >= state_.options.max_subscribers) {
        state_.subscribers.fetch_sub(1, std::memory_order_relaxed);
        return Error{Errc::invalid_argument, fmt::format("the hub has {} subscribers, HubOptions::max_subscribers",
                                                         state_.options.max_subscribers)};
    }
    if (!state_.directory.add_connection(self.id_, {index(), &self})) {
        state_.subscribers.fetch_sub(1, std::memory_order_relaxed);
        return Error{Errc::duplicate, fmt::format("the connection id \"{}\" is taken", self.id_)};
    }
    self.outlet_.count_drops_in(counters_.drops);
    self.slot_ = static_cast<std::uint32_t>(subscribers_.size());
    subscribers_.push_back(subscriber);
    self.attached_.store(true, std::memory_order_release);
    counters_.subscribers.store(subscribers_.size(), std::memory_order_release);
    if (everybody_) self.in_everybody_ = everybody_->add({&self, kEverybody});
    state_.tell_interest(Interest::Kind::connection, self.id_);
    add_to_user(self);
    for (const std::string& topic : topics) {
        if (auto subscribed = subscribe(self, topic); !subscribed) {
            drop(self);
            return std::move(subscribed).error();
        }
    }
    return {};
}

void LoopPart::drop(SubscriberImpl& subscriber) {
    if (!subscriber.attached()) return;
    const std::shared_ptr<SubscriberImpl> keep = std::move(subscribers_[subscriber.slot_]);
    subscriber.attached_.store(false, std::memory_order_release);
    if (subscribers_.back()) {
        subscribers_.back()->slot_ = subscriber.slot_;
        subscribers_[subscriber.slot_] = std::move(subscribers_.back());
    }
    subscribers_.pop_back();
    counters_.subscribers.store(subscribers_.size(), std::memory_order_release);
    state_.subscribers.fetch_sub(1, std::memory_order_relaxed);
    // Before anybody is told of an interest that ends: a publication from there makes `everybody_` without this one.
    if (everybody_) tell_moved(everybody_->remove(subscriber.in_everybody_), subscriber.in_everybody_);

    while (!subscriber.subscriptions_.empty()) {
        remove_subscription(subscriber, subscriber.subscriptions_.size() - 1);
    }
    remove_from_user(subscriber);
    state_.directory.remove_connection(subscriber.id_);
    state_.tell_interest(Interest::Kind::connection, subscriber.id_);
    if (running_) dropped_.push_back(keep);
}

void LoopPart::drop_all() {
    const auto never_run = std::exchange(later_, {});
    while (!subscribers_.empty()) drop(*subscribers_.back());
    everybody_.reset();
}

void LoopPart::bind(SubscriberImpl& subscriber, Outlet outlet) {
    const auto kept = outlet.keep();
    const bool may_be_grouped = outlet.connection() != nullptr;
    outlet.count_drops_in(counters_.drops);
    subscriber.outlet_ = std::move(outlet);
    if (!may_be_grouped) return;
    const auto join = [&](Topic& topic, Topic::Place& place, std::uint32_t index) {
        const Topic::Place before = place;
        tell_moved(topic.remove(before), before);
        place = topic.add({&subscriber, index});
    };
    for (std::size_t i = 0; i < subscriber.subscriptions_.size(); ++i) {
        auto& [topic, place] = subscriber.subscriptions_[i];
        join(*topic, place, static_cast<std::uint32_t>(i));
    }
    if (everybody_) join(*everybody_, subscriber.in_everybody_, kEverybody);
}

// -- topics ----------------------------------------------------------------------------------------------------------

Result<bool> LoopPart::subscribe(SubscriberImpl& subscriber, std::string_view name) {
    const HubOptions& limits = state_.options;
    const auto kept = subscriber.outlet_.keep();
    if (!subscriber.attached()) return Error{Errc::wrong_state, "the subscriber is detached"};
    if (name.empty() || name.size() > limits.max_topic_bytes) {
        return Error{Errc::invalid_argument, fmt::format("a topic's name has 1 to {} bytes, this one has {}",
                                                         limits.max_topic_bytes, name.size())};
    }
    Topic* topic = find_topic(name);
    auto& subscriptions = subscriber.subscriptions_;
    if (topic && std::ranges::find(subscriptions, topic, &SubscriberImpl::Subscription::topic) != subscriptions.end()) {
        return false;
    }
    if (subscriptions.size() >= limits.max_topics_per_subscriber) {
        return Error{Errc::invalid_argument, fmt::format("{} is subscribed to {} topics, the limit of a subscriber",
                                                         subscriber.id_, subscriptions.size())};
    }
    bool first = false;
    if (!topic) {
        const auto added = state_.directory.add(Interest::Kind::topic, name, index());
        if (!added) {
            return Error{Errc::invalid_argument,
                         fmt::format("the hub has {} topics, HubOptions::max_topics", limits.max_topics)};
        }
        first = added->first;
        topic = &topics_.try_emplace(added->name, added->name).first->second;
    }
    const auto place = topic->add({&subscriber, static_cast<std::uint32_t>(subscriptions.size())});
    subscriptions.push_back({topic, place});
    counters_.subscriptions.fetch_add(1, std::memory_order_relaxed);
    if (first) state_.tell_interest(Interest::Kind::topic, name);
    return true;
}

bool LoopPart::unsubscribe(SubscriberImpl& subscriber, std::string_view name) {
    const auto kept = subscriber.outlet_.keep();
    const Topic* const topic = find_topic(name);
    const auto& subscriptions = subscriber.subscriptions_;
    const auto found = std::ranges::find(subscriptions, topic, &SubscriberImpl::Subscription::topic);
    if (!topic || found == subscriptions.end()) return false;
    remove_subscription(subscriber, static_cast<std::size_t>(found - subscriptions.begin()));
    return true;
}

/// Those behind it move up: the order is that of subscribing.
void LoopPart::remove_subscription(SubscriberImpl& subscriber, std::size_t index) {
    auto& subscriptions = subscriber.subscriptions_;
    const auto [topic, place] = subscriptions[index];
    tell_moved(topic->remove(place), place);
    subscriptions.erase(subscriptions.begin() + static_cast<std::ptrdiff_t>(index));
    for (std::size_t i = index; i < subscriptions.size(); ++i) {
        subscriptions[i].topic->set_index(subscriptions[i].place, static_cast<std::uint32_t>(i));
    }
    counters_.subscriptions.fetch_sub(1, std::memory_order_relaxed);
    if (topic->empty()) release(*topic);
}

/// A member has taken another one's place.
void LoopPart::tell_moved(Topic::Member moved, const Topic::Place& place) {
    if (!moved.subscriber) return;
    if (moved.index == kEverybody) {
        moved.subscriber->in_everybody_ = place;
    } else {
        moved.subscriber->subscriptions_[moved.index].place = place;
    }
}

void LoopPart::release(Topic& topic) {
    if (topic.released) return;  // `tidy` comes to it, maybe from where this is called
    if (!running_) return erase(topic);
    topic.released = true;
    emptied_.push_back(&topic);
}

void LoopPart::erase(Topic& topic) {
    const std::string name(topic.name());
    topics_.erase(topic.name());
    if (state_.directory.remove(Interest::Kind::topic, name, index())) {
        state_.tell_interest(Interest::Kind::topic, name);
    }
}

Topic* LoopPart::find_topic(std::string_view name) noexcept {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : &found->second;
}

Topic* LoopPart::everybody() {
    if (subscribers_.empty()) return nullptr;
    if (everybody_) return everybody_.get();
    std::vector<std::shared_ptr<const void>> kept;
    everybody_ = std::make_unique<Topic>(std::string_view());
    for (const auto& subscriber : subscribers_) {
        kept.push_back(subscriber->outlet_.keep());
        subscriber->in_everybody_ = everybody_->add({subscriber.get(), kEverybody});
    }
    return everybody_.get();
}

bool LoopPart::is_grouped(const SubscriberImpl& subscriber, const Topic& topic) const noexcept {
    if (&topic == everybody_.get()) return subscriber.in_everybody_.grouped;
    const auto& subscriptions = subscriber.subscriptions_;
    const auto found = std::ranges::find(subscriptions, &topic, &SubscriberImpl::Subscription::topic);
    return found != subscriptions.end() && found->place.grouped;
}

// -- users -----------------------------------------------------------------------------------------------------------

Result<> LoopPart::identify(SubscriberImpl& subscriber, std::string_view user, std::string_view session) {
    if (auto fits = state_.check_ids({user, session}); !fits) return fits;
    if (user != subscriber.user_) {
        remove_from_user(subscriber);
        subscriber.user_ = user;
        add_to_user(subscriber);
    }
    subscriber.session_ = session;
    return {};
}

void LoopPart::add_to_user(SubscriberImpl& subscriber) {
    const std::string& user = subscriber.user_;
    if (user.empty()) return;
    if (const auto known = users_.find(user); known != users_.end()) {
        known->second.push_back(&subscriber);
        return;
    }
    const auto added = state_.directory.add(Interest::Kind::user, user, index());
    users_[added->name].push_back(&subscriber);
    if (added->first) state_.tell_interest(Interest::Kind::user, user);
}

void LoopPart::remove_from_user(SubscriberImpl& subscriber) {
    const auto user = users_.find(subscriber.user_);
    if (user == users_.end()) return;
    std::erase(user->second, &subscriber);
    if (!user->second.empty()) return;
    users_.erase(user);
    if (state_.directory.remove(Interest::Kind::user, subscriber.user_, index())) {
        state_.tell_interest(Interest::Kind::user, subscriber.user_);
    }
}

// -- audiences -------------------------------------------------------------------------------------------------------

SubscriberImpl* LoopPart::find_connection(std::string_view id) const {
    const auto place = state_.directory.find_connection(id);
    return place && place->loop == index() ? place->subscriber : nullptr;
}

template <class Visit>
void LoopPart::for_each_in(const Target& target, Visit&& visit) {
    const auto filtered = [&](SubscriberImpl& subscriber) {
        if (subscriber.is_of_session(target.only_session)) visit(subscriber);
    };
    switch (target.kind) {
        case Target::Kind::everybody:
            for (const auto& subscriber : subscribers_) filtered(*subscriber);
            break;
        case Target::Kind::topic:
            if (const Topic* const topic = find_topic(target.name)) topic->for_each(filtered);
            break;
        case Target::Kind::user:
            if (const auto user = users_.find(target.name); user != users_.end()) {
                for (SubscriberImpl* const subscriber : user->second) filtered(*subscriber);
            }
            break;
        case Target::Kind::connection:
            if (SubscriberImpl* const subscriber = find_connection(target.name)) filtered(*subscriber);
            break;
    }
}

std::span<SubscriberImpl* const> LoopPart::select(const Audience& audience) {
    selected_.clear();
    ++mark_;  // whom a selection has met bears its number, and is not looked at again
    for (const Target& target : audience.except) {
        for_each_in(target, [&](SubscriberImpl& subscriber) { subscriber.mark_ = mark_; });
    }
    for (const Target& target : audience.to) {
        for_each_in(target, [&](SubscriberImpl& subscriber) {
            if (std::exchange(subscriber.mark_, mark_) != mark_) selected_.push_back(&subscriber);
        });
    }
    return selected_;
}

}  // namespace cryo::hub
