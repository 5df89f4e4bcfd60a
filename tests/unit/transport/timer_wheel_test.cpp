#include "transport/timer_wheel.h"

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cryo::transport {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class TestTimer final : public Timer {
public:
    explicit TestTimer(std::function<void()> action = [] {}) : action_(std::move(action)) {}
    int fired = 0;

private:
    void on_timeout() noexcept override {
        ++fired;
        action_();
    }
    std::function<void()> action_;
};

class TimerWheelTest : public ::testing::Test {
protected:
    void sleep(milliseconds time) {
        now_ += time;
        wheel_.advance(now_);
    }

    Clock::time_point now_{std::chrono::hours(1)};
    TimerWheel wheel_{[this] { return now_; }};
};

TEST_F(TimerWheelTest, FiresOnceNotEarlyAndAtMostOneSlotLate) {
    TestTimer timer;
    for (int delay : {0, 1, 15, 16, 17, 100, 1000, 8191, 8192, 8193, 60'000}) {
        timer.fired = 0;
        wheel_.start(timer, milliseconds(delay));
        int waited = 0;
        while (timer.fired == 0 && waited < delay + 100) {
            sleep(milliseconds(1));
            ++waited;
        }
        EXPECT_GE(waited, delay);
        EXPECT_LE(waited, delay + 17) << "delay " << delay;
        sleep(milliseconds(20'000));
        EXPECT_EQ(timer.fired, 1);
        EXPECT_FALSE(timer.armed());
    }
}

TEST_F(TimerWheelTest, NeverFiresEarlyBetweenSlots) {
    now_ += std::chrono::microseconds(15'999);
    TestTimer timer;
    wheel_.start(timer, milliseconds(16));
    now_ += std::chrono::microseconds(15'999);
    wheel_.advance(now_);
    EXPECT_EQ(timer.fired, 0);
}

TEST_F(TimerWheelTest, CancelledTimerDoesNotFire) {
    TestTimer timer;
    wheel_.start(timer, milliseconds(50));
    EXPECT_TRUE(timer.armed());
    timer.cancel();
    EXPECT_FALSE(timer.armed());
    sleep(milliseconds(1000));
    EXPECT_EQ(timer.fired, 0);
}

TEST_F(TimerWheelTest, StartingAgainMovesTheTimeout) {
    TestTimer timer;
    wheel_.start(timer, milliseconds(50));
    sleep(milliseconds(40));
    wheel_.start(timer, milliseconds(50));
    sleep(milliseconds(40));
    EXPECT_EQ(timer.fired, 0);
    sleep(milliseconds(30));
    EXPECT_EQ(timer.fired, 1);
}

TEST_F(TimerWheelTest, CanBeRearmedFromItsCallback) {
    TestTimer timer([&] {
        if (timer.fired < 5) wheel_.start(timer, milliseconds(0));
    });
    wheel_.start(timer, milliseconds(0));
    for (int i = 1; i <= 5; ++i) {
        sleep(TimerWheel::kSlotWidth);
        EXPECT_EQ(timer.fired, i);
    }
    EXPECT_FALSE(timer.armed());
}

TEST_F(TimerWheelTest, CallbackMayDestroyItsTimerAndOthersDueAtTheSameTime) {
    auto victim = std::make_unique<TestTimer>([] { ADD_FAILURE() << "was destroyed"; });
    std::unique_ptr<TestTimer> self;
    self = std::make_unique<TestTimer>([&] {
        victim.reset();
        self.reset();
    });
    TestTimer last;
    wheel_.start(*self, milliseconds(10));
    wheel_.start(*victim, milliseconds(10));
    wheel_.start(last, milliseconds(10));
    sleep(milliseconds(100));
    EXPECT_EQ(self, nullptr);
    EXPECT_EQ(last.fired, 1);
}

TEST_F(TimerWheelTest, FiresInOrderOfTime) {
    std::vector<int> order;
    TestTimer third([&] { order.push_back(3); });
    TestTimer first([&] { order.push_back(1); });
    TestTimer second([&] { order.push_back(2); });
    wheel_.start(third, milliseconds(300));
    wheel_.start(first, milliseconds(100));
    wheel_.start(second, milliseconds(200));
    sleep(milliseconds(400));
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(TimerWheelTest, LongSleepFiresEverythingThatIsDue) {
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (int i = 0; i < 2000; ++i) {
        timers.push_back(std::make_unique<TestTimer>());
        wheel_.start(*timers.back(), milliseconds(i * 20));
    }
    sleep(milliseconds(20'000));
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(timers[static_cast<std::size_t>(i)]->fired, i * 20 <= 20'000 ? 1 : 0) << i;
}

TEST_F(TimerWheelTest, NextExpiryIsEmptyWithoutTimers) {
    EXPECT_EQ(wheel_.next_expiry(), std::nullopt);
    TestTimer timer;
    wheel_.start(timer, milliseconds(100));
    ASSERT_TRUE(wheel_.next_expiry());
    timer.cancel();
    EXPECT_EQ(wheel_.next_expiry(), std::nullopt);
}

TEST_F(TimerWheelTest, WakingAtNextExpiryIsEnough) {
    TestTimer timer;
    for (int delay : {0, 5, 16, 500, 8192, 30'000}) {
        timer.fired = 0;
        wheel_.start(timer, milliseconds(delay));
        const auto due = now_ + milliseconds(delay);
        int wakes = 0;
        while (timer.fired == 0) {
            const auto next = wheel_.next_expiry();
            ASSERT_TRUE(next);
            ASSERT_GE(*next, now_);
            now_ = *next;
            wheel_.advance(now_);
            ++wakes;
        }
        EXPECT_GE(now_, due);
        EXPECT_LE(now_, due + TimerWheel::kSlotWidth);
        EXPECT_LE(wakes, 1 + delay / 8000);  // one a rotation
    }
}

TEST_F(TimerWheelTest, DestroyingTheWheelCancels) {
    TestTimer timer;
    {
        TimerWheel wheel([this] { return now_; });
        wheel.start(timer, milliseconds(10));
    }
    EXPECT_FALSE(timer.armed());
}

TEST_F(TimerWheelTest, MemberTimerCallsItsOwner) {
    struct Owner {
        void on_idle() noexcept { ++idle; }
        int idle = 0;
        MemberTimer<Owner, &Owner::on_idle> timer{*this};
    } owner;
    wheel_.start(owner.timer, milliseconds(1));
    sleep(milliseconds(32));
    EXPECT_EQ(owner.idle, 1);
}

TEST_F(TimerWheelTest, AgreesWithASimpleModelOverRandomUse) {
    constexpr std::size_t kTimers = 1000;
    std::mt19937 random(20240229);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    std::vector<std::optional<Clock::time_point>> due(kTimers);
    std::vector<std::unique_ptr<TestTimer>> timers;
    for (std::size_t i = 0; i < kTimers; ++i) {
        timers.push_back(std::make_unique<TestTimer>([&, i] {
            ASSERT_TRUE(due[i]);
            EXPECT_LE(*due[i], now_);
            due[i].reset();
        }));
    }
    for (int step = 0; step < 20'000; ++step) {
        const auto i = static_cast<std::size_t>(pick(0, kTimers - 1));
        if (pick(0, 3) == 0) {
            timers[i]->cancel();
            due[i].reset();
        } else {
            const milliseconds delay(pick(0, pick(0, 1) ? 300 : 40'000));
            wheel_.start(*timers[i], delay);
            due[i] = now_ + delay;
        }
        if (pick(0, 9) == 0) {
            now_ += std::chrono::microseconds(pick(0, pick(0, 50) ? 60'000 : 20'000'000));
            wheel_.advance(now_);
            for (std::size_t k = 0; k < kTimers; ++k) {
                ASSERT_EQ(timers[k]->armed(), due[k].has_value());
                if (due[k]) {
                    ASSERT_GT(*due[k] + TimerWheel::kSlotWidth, now_);
                }
            }
        }
    }
}

}  // namespace
}  // namespace cryo::transport
