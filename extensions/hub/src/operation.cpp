#include "operation.h"

#include "hub_state.h"

namespace cryo::hub {

void CountingOperation::finish(const std::shared_ptr<Operation>&) noexcept {
    if (done_) state().fenced([&] { done_(outcome()); });
}

OutcomeHandler relayed_outcome(const std::shared_ptr<CountingOperation>& operation) {
    if (!operation->is_awaited()) return {};
    return [claim = Claim(operation)](const Outcome& others) mutable {
        claim->add_receivers(others.receivers);
        if (!others.complete) claim->set_incomplete();
        claim.done();
    };
}

}  // namespace cryo::hub
