#include "session/ack_tracker.h"

#include <algorithm>

namespace cryo::session {
namespace {

constexpr double kNewSampleWeight = 0.2;
constexpr std::uint32_t kFirstCapacity = 16;

}  // namespace

void AckTracker::track(std::uint32_t id, TimePoint now) {
    expire(now);
    while (count_ > 0 && id - first_id_ >= kMaxPending) forget_front();
    if (count_ == 0) first_id_ = id;
    while (first_id_ + count_ != id) append(kSettled);  // the ids of pings in between
    append(now);
    ++pending_;
}

void AckTracker::confirm(std::uint32_t id, TimePoint now) noexcept {
    expire(now);
    const std::uint32_t index = id - first_id_;
    if (index >= count_) return;
    TimePoint& sent = slot(index);
    if (sent == kSettled) return;
    const double sample = std::chrono::duration<double, std::micro>(now - sent).count();
    rtt_us_ = rtt_us_ < 0 ? sample : rtt_us_ + kNewSampleWeight * (sample - rtt_us_);
    sent = kSettled;
    --pending_;
    drop_settled();
}

void AckTracker::expire(TimePoint now) noexcept {
    while (count_ > 0 && now - slot(0) >= timeout_) forget_front();
}

void AckTracker::release_idle_memory() noexcept {
    if (count_ > 0) return;
    slots_.reset();
    capacity_ = head_ = 0;
}

std::optional<std::chrono::microseconds> AckTracker::rtt() const noexcept {
    if (rtt_us_ < 0) return std::nullopt;
    return std::chrono::microseconds(static_cast<std::int64_t>(rtt_us_));
}

void AckTracker::append(TimePoint sent) {
    if (count_ == capacity_) grow();
    ++count_;
    slot(count_ - 1) = sent;
}

void AckTracker::grow() {
    const std::uint32_t capacity = std::max(kFirstCapacity, capacity_ * 2);
    auto slots = std::make_unique<TimePoint[]>(capacity);
    for (std::uint32_t i = 0; i < count_; ++i) slots[i] = slot(i);
    slots_ = std::move(slots);
    capacity_ = capacity;
    head_ = 0;
}

void AckTracker::forget_front() noexcept {
    slot(0) = kSettled;
    --pending_;
    ++timeouts_;
    drop_settled();
}

void AckTracker::drop_settled() noexcept {
    while (count_ > 0 && slot(0) == kSettled) {
        head_ = (head_ + 1) & (capacity_ - 1);
        ++first_id_;
        --count_;
    }
}

}  // namespace cryo::session
