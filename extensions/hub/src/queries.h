#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "operation.h"
#include "sharded_map.h"

namespace cryo::hub {

/// Counts an audience's receivers.
class Count final : public CountingOperation {
public:
    Count(std::shared_ptr<HubState> state, Audience audience, OutcomeHandler done)
        : CountingOperation(std::move(state), std::move(done)), audience_(std::move(audience)) {}

    void run(LoopPart& part) override;
    const Audience& audience() const noexcept { return audience_; }

private:
    const Audience audience_;
};

/// Gathers what there is to tell of an audience.
class List final : public Operation {
public:
    List(std::shared_ptr<HubState> state, Audience audience, ListHandler done)
        : Operation(std::move(state)), audience_(std::move(audience)), done_(std::move(done)) {}

    void run(LoopPart& part) override;
    void add(Listing others);
    const Audience& audience() const noexcept { return audience_; }

private:
    void finish(const std::shared_ptr<Operation>& self) noexcept override;

    const Audience audience_;
    ListHandler done_;
    std::mutex mutex_{};
    Listing gathered_{};
};

/// Gathers the topics whose names begin with a prefix.
class ListTopics final : public Operation {
public:
    ListTopics(std::shared_ptr<HubState> state, std::string prefix, TopicListHandler done)
        : Operation(std::move(state)), prefix_(std::move(prefix)), done_(std::move(done)) {}

    void run(LoopPart& part) override;
    void add(const TopicListing& others);
    const std::string& prefix() const noexcept { return prefix_; }

private:
    void finish(const std::shared_ptr<Operation>& self) noexcept override;
    void add(std::string_view topic, std::size_t receivers);

    const std::string prefix_;
    TopicListHandler done_;
    std::mutex mutex_{};
    TextMap<std::size_t> gathered_{};
    bool truncated_ = false;
};

}  // namespace cryo::hub
