#include "changes.h"

#include "hub_state.h"

namespace cryo::hub {

void Change::run(LoopPart& part) {
    const auto audience = part.select(change_.audience);
    for (SubscriberImpl* const subscriber : audience) {
        for (const std::string& topic : change_.topics) {
            if (!change_.subscribe) {
                part.unsubscribe(*subscriber, topic);
            } else if (!part.subscribe(*subscriber, topic)) {
                set_incomplete();
            }
        }
    }
    if (!audience.empty()) changed_ = true;
    add_receivers(audience.size());
}

/// Who is told that it is done may rely on it: that takes the relay's word, too.
void Change::finish(const std::shared_ptr<Operation>& self) noexcept {
    if (is_awaited() && state().relay && change_.subscribe && changed_ && !std::exchange(settled_, true)) {
        std::vector<Interest> interests;
        for (const std::string& topic : change_.topics) interests.push_back({Interest::Kind::topic, topic});
        auto claim = Claim(self);
        state().fenced([&] {
            state().relay->settle(std::move(interests), [claim = std::move(claim)]() mutable { claim.done(); });
        });
        return;
    }
    CountingOperation::finish(self);
}

void Disconnect::run(LoopPart& part) {
    std::size_t count = 0;
    for (SubscriberImpl* const subscriber : part.select(audience_)) {
        if (!subscriber->receives()) continue;
        ++count;
        state().fenced([&] { subscriber->outlet().close(code_, reason_); });
    }
    add_receivers(count);
}

}  // namespace cryo::hub
