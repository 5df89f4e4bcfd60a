#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "operation.h"

namespace cryo::hub {

/// Subscribes or unsubscribes an audience.
class Change final : public CountingOperation {
public:
    Change(std::shared_ptr<HubState> state, TopicChange change, OutcomeHandler done)
        : CountingOperation(std::move(state), std::move(done)), change_(std::move(change)) {}

    void run(LoopPart& part) override;
    const TopicChange& change() const noexcept { return change_; }

private:
    void finish(const std::shared_ptr<Operation>& self) noexcept override;

    const TopicChange change_;
    std::atomic<bool> changed_{false};  // somebody on this node
    bool settled_ = false;
};

/// Closes an audience's receivers.
class Disconnect final : public CountingOperation {
public:
    Disconnect(std::shared_ptr<HubState> state, Audience audience, std::uint16_t code, std::string_view reason,
               OutcomeHandler done)
        : CountingOperation(std::move(state), std::move(done)),
          audience_(std::move(audience)),
          code_(code),
          reason_(reason) {}

    void run(LoopPart& part) override;
    const Audience& audience() const noexcept { return audience_; }
    std::uint16_t code() const noexcept { return code_; }
    const std::string& reason() const noexcept { return reason_; }

private:
    const Audience audience_;
    const std::uint16_t code_;
    const std::string reason_;
};

}  // namespace cryo::hub
