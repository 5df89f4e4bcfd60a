#include "sequence.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace cryo::cluster {

SendSequence::Stamp SendSequence::next(std::string_view channel) {
    const auto hash = std::hash<std::string_view>{}(channel);
    auto& slot = slots_[hash % kSlots];
    Stamp stamp{.sequence = ++last_};
    if (slot.sequence != 0 && slot.channel_hash == hash) {
        const auto back = stamp.sequence - slot.sequence;
        if (back <= std::numeric_limits<std::uint32_t>::max()) stamp.back = static_cast<std::uint32_t>(back);
    }
    slot = {hash, stamp.sequence};
    return stamp;
}

void SendSequence::restart() {
    last_ = 0;
    std::fill(slots_.begin(), slots_.end(), Slot{});
}

ReceiveSequence::Verdict ReceiveSequence::take(std::uint32_t life, std::uint64_t sequence, std::uint32_t back) {
    const auto found = std::find_if(last_.begin(), last_.end(), [&](const Last& last) { return last.life == life; });
    if (found == last_.end()) {
        last_.push_back({life, sequence});
        return Verdict::in_order;
    }
    if (sequence <= found->sequence) return Verdict::duplicate;
    const auto previous = std::exchange(found->sequence, sequence);
    return back != 0 && sequence - back > previous ? Verdict::after_gap : Verdict::in_order;
}

}  // namespace cryo::cluster
