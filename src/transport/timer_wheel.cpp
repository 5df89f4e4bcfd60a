#include "transport/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace cryo::transport {

void detail::TimerLink::unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
}

void detail::TimerLink::insert_before(TimerLink& position) noexcept {
    prev = position.prev;
    next = &position;
    prev->next = this;
    position.prev = this;
}

TimerWheel::TimerWheel(Now now) : now_(std::move(now)), origin_(now_()) {}

TimerWheel::~TimerWheel() { cancel_all(); }

void TimerWheel::cancel_all() noexcept {
    for (auto& slot : slots_) {
        while (!slot.alone()) slot.next->unlink();
    }
}

std::uint64_t TimerWheel::tick_of(Clock::time_point time) const noexcept {
    return time <= origin_ ? 0 : static_cast<std::uint64_t>((time - origin_) / kSlotWidth);
}

void TimerWheel::start(Timer& timer, std::chrono::milliseconds delay) {
    timer.cancel();
    // The tick after the one the deadline falls into: rounding up is what keeps a timer from firing early.
    const auto deadline = now_() + std::max(delay, std::chrono::milliseconds(0));
    timer.due_tick_ = std::max(tick_of(deadline - Clock::duration(1)) + 1, tick_ + 1);
    const std::size_t slot = timer.due_tick_ % kSlots;
    timer.insert_before(slots_[slot]);
    occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    started_ = true;
}

void TimerWheel::advance(Clock::time_point now) {
    const std::uint64_t target = tick_of(now);
    if (target <= tick_) return;
    // After a long sleep each slot needs just one visit.
    const std::uint64_t first = std::max(tick_ + 1, target >= kSlots ? target - kSlots + 1 : 0);
    tick_ = target;
    for (std::uint64_t tick = first; tick <= target; ++tick) {
        const std::size_t slot = tick % kSlots;
        if (occupied_[slot / 64] >> (slot % 64) & 1) fire_slot(slot);
    }
}

void TimerWheel::fire_slot(std::size_t slot) {
    detail::TimerLink due;
    for (auto* link = slots_[slot].next; link != &slots_[slot];) {
        auto* next = link->next;
        if (static_cast<Timer*>(link)->due_tick_ <= tick_) {
            link->unlink();
            link->insert_before(due);
        }
        link = next;
    }
    if (slots_[slot].alone()) occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    // A callback may cancel or destroy any timer, those still waiting in `due` included.
    while (!due.alone()) {
        auto& timer = static_cast<Timer&>(*due.next);
        timer.cancel();
        timer.on_timeout();
    }
}

std::optional<Clock::time_point> TimerWheel::next_expiry() {
    const std::size_t start = (tick_ + 1) % kSlots;
    for (std::size_t distance = 0; distance < kSlots;) {
        const std::size_t slot = (start + distance) % kSlots;
        const std::uint64_t word = occupied_[slot / 64] >> (slot % 64);
        if (word == 0) {
            distance += 64 - slot % 64;
            continue;
        }
        const auto skip = static_cast<std::size_t>(std::countr_zero(word));
        distance += skip;
        if (distance >= kSlots) break;
        if (!slots_[slot + skip].alone()) return origin_ + static_cast<std::int64_t>(tick_ + 1 + distance) * kSlotWidth;
        occupied_[(slot + skip) / 64] &= ~(std::uint64_t{1} << ((slot + skip) % 64));
        ++distance;
    }
    return std::nullopt;
}

}  // namespace cryo::transport
