#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <cryo/loop.h>
#include <cryo/unique_function.h>

namespace cryo::redis {

/// One timer for many deadlines: rings at the earliest time it was set to; whoever it wakes sets it anew.
class Alarm {
public:
    using TimePoint = Loop::Clock::time_point;

    Alarm(LoopPtr loop, UniqueFunction<void()> ring)
        : loop_(std::move(loop)), timer_(loop_->make_timer([this, ring = std::move(ring)]() mutable {
              rings_at_ = TimePoint::max();
              ring();
          })) {}

    void set(TimePoint time) {
        if (time >= rings_at_) return;
        rings_at_ = time;
        const auto delay = std::chrono::ceil<std::chrono::milliseconds>(time - loop_->now());
        timer_->start(std::max(delay, std::chrono::milliseconds(0)));
    }
    void cancel() noexcept {
        rings_at_ = TimePoint::max();
        timer_->cancel();
    }

private:
    LoopPtr loop_;
    TimePoint rings_at_ = TimePoint::max();
    std::unique_ptr<LoopTimer> timer_;
};

}  // namespace cryo::redis
