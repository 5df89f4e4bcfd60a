#include "queries.h"

#include <algorithm>
#include <iterator>

#include "hub_state.h"

namespace cryo::hub {

// -- Count -----------------------------------------------------------------------------------------------------------

void Count::run(LoopPart& part) {
    const auto audience = part.select(audience_);
    add_receivers(static_cast<std::size_t>(
        std::ranges::count_if(audience, [](const SubscriberImpl* subscriber) { return subscriber->receives(); })));
}

// -- List ------------------------------------------------------------------------------------------------------------

void List::run(LoopPart& part) {
    Listing found;
    const std::size_t limit = state().options.max_listed;
    for (const SubscriberImpl* const subscriber : part.select(audience_)) {
        if (!subscriber->receives()) continue;
        if (found.truncated = found.subscribers.size() == limit; found.truncated) break;
        found.subscribers.push_back(subscriber->info());
    }
    add(std::move(found));
}

void List::add(Listing others) {
    const std::lock_guard lock(mutex_);
    auto& all = gathered_.subscribers;
    const std::size_t room = state().options.max_listed - all.size();
    const auto taken = static_cast<std::ptrdiff_t>(std::min(room, others.subscribers.size()));
    std::move(others.subscribers.begin(), others.subscribers.begin() + taken, std::back_inserter(all));
    if (others.truncated || room < others.subscribers.size()) gathered_.truncated = true;
    if (!others.complete) set_incomplete();
}

void List::finish(const std::shared_ptr<Operation>&) noexcept {
    gathered_.complete = outcome().complete;
    state().fenced([&] { done_(std::move(gathered_)); });
}

// -- ListTopics ------------------------------------------------------------------------------------------------------

void ListTopics::run(LoopPart& part) {
    const std::lock_guard lock(mutex_);
    part.for_each_topic([&](const Topic& topic) {
        if (!topic.empty() && topic.name().starts_with(prefix_)) add(topic.name(), topic.size());
    });
}

void ListTopics::add(const TopicListing& others) {
    const std::lock_guard lock(mutex_);
    for (const auto& [topic, receivers] : others.topics) add(topic, receivers);
    truncated_ |= others.truncated;
    if (!others.complete) set_incomplete();
}

/// With the lock held.
void ListTopics::add(std::string_view topic, std::size_t receivers) {
    if (const auto known = gathered_.find(topic); known != gathered_.end()) {
        known->second += receivers;
    } else if (gathered_.size() < state().options.max_listed) {
        gathered_.try_emplace(std::string(topic), receivers);
    } else {
        truncated_ = true;
    }
}

void ListTopics::finish(const std::shared_ptr<Operation>&) noexcept {
    TopicListing listing{.topics = {}, .complete = outcome().complete, .truncated = truncated_};
    state().fenced([&] {
        listing.topics.reserve(gathered_.size());
        for (const auto& [topic, receivers] : gathered_) listing.topics.push_back({topic, receivers});
        done_(std::move(listing));
    });
}

}  // namespace cryo::hub
