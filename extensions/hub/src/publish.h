#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <cryo/hub/receiver.h>

#include "operation.h"
#include "topic.h"

namespace cryo::hub {

/// A publication on its way through the loops.
class Publish final : public CountingOperation {
public:
    Publish(std::shared_ptr<HubState> state, Audience audience, PreparedMessage message, OutcomeHandler done)
        : CountingOperation(std::move(state), std::move(done)), publication_{std::move(audience), std::move(message)} {}

    void run(LoopPart& part) override;
    std::size_t waiting_bytes() const noexcept override {
        return kOverheadBytes + publication_.message.payload().size();
    }

    const Publication& publication() const noexcept { return publication_; }

private:
    struct Counts {
        std::size_t delivered = 0, dropped = 0;
    };
    using Encoded = std::optional<PreparedMessage>;

    void send_to(LoopPart& part, Topic& topic, Counts& counts);
    void send_to(SubscriberImpl& subscriber, const Encoded& message, Counts& counts);
    Encoded encoded_for(const std::shared_ptr<const IWireForm>& form);

    const Publication publication_;
    std::mutex encoding_{};
    std::vector<std::pair<const IWireForm*, Encoded>> encoded_{};  // by whichever loop needed it first
};

}  // namespace cryo::hub
