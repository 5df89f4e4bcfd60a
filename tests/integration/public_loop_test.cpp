// What extensions get of an event loop: posting, the turn's end, timers; and all of it after the loop's end.

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "public_loop_fixture.h"

namespace cryo::test {
namespace {

using Clock = Loop::Clock;

/// Its `use_count` tells whether a closure that holds it still exists.
std::shared_ptr<int> token() { return std::make_shared<int>(0); }

// -- posting ---------------------------------------------------------------------------------------------------------

TEST_F(PublicLoop, KnowsItsPlaceAndItsThread) {
    const auto loops = (*server_)->loops();
    ASSERT_EQ(loops.size(), 2u);
    for (std::size_t i = 0; i < loops.size(); ++i) {
        EXPECT_EQ(loops[i]->index(), i);
        EXPECT_FALSE(loops[i]->in_loop_thread());
        EXPECT_TRUE(on_loop(*loops[i], [&] { return loops[i]->in_loop_thread(); }));
        EXPECT_FALSE(on_loop(*loops[i], [&] { return loops[1 - i]->in_loop_thread(); }));
    }
}

TEST_F(PublicLoop, RunsTasksInTheOrderOfPosting) {
    std::vector<int> order;
    std::thread::id thread;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(loop_->post([&, i] {
            order.push_back(i);
            thread = std::this_thread::get_id();
        }));
    }
    EXPECT_EQ(on_first([] { return std::this_thread::get_id(); }), thread);
    ASSERT_EQ(order.size(), 1000u);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_F(PublicLoop, TasksPostedByATaskComeLater) {
    std::vector<std::string> order;
    std::promise<void> done;
    loop_->post([&] {
        loop_->post([&] {
            order.push_back("inner");
            done.set_value();
        });
        order.push_back("outer");
    });
    done.get_future().wait();
    on_first([] {});  // the task that has set it is over
    EXPECT_EQ(order, (std::vector<std::string>{"outer", "inner"}));
}

TEST_F(PublicLoop, ShowsOneTimeThroughoutATurn) {
    const auto [first, second, real] = on_first([&] {
        const auto before = loop_->now();
        std::this_thread::sleep_for(5ms);
        return std::tuple(before, loop_->now(), Clock::now());
    });
    EXPECT_EQ(first, second);
    EXPECT_LT(second, real);
    EXPECT_GT(on_first([&] { return loop_->now(); }), first);
}

TEST_F(PublicLoop, RunsTasksAtTheTurnsEndInOrder) {
    std::vector<std::string> order;
    std::promise<void> done;
    loop_->post([&] {
        loop_->at_turn_end([&] {
            order.push_back("first end");
            loop_->at_turn_end([&] {
                order.push_back("next end");
                done.set_value();
            });
        });
        loop_->at_turn_end([&] { order.push_back("first end, too"); });
        order.push_back("turn");
    });
    done.get_future().wait();
    on_first([] {});  // the task that has set it is over
    EXPECT_EQ(order, (std::vector<std::string>{"turn", "first end", "first end, too", "next end"}));
}

TEST_F(PublicLoop, FencesWhatCallbacksThrow) {
    std::unique_ptr<LoopTimer> timer;
    loop_->post([] { throw std::runtime_error("from a task"); });
    EXPECT_NE(errors_.next()->message.find("from a task"), std::string::npos);
    on_first([&] { loop_->at_turn_end([] { throw std::runtime_error("from the turn's end"); }); });
    EXPECT_NE(errors_.next()->message.find("from the turn's end"), std::string::npos);
    on_first([&] {
        timer = loop_->make_timer([] { throw std::runtime_error("from a timer"); });
        timer->start(0ms);
    });
    const Error error = errors_.next().value();
    EXPECT_NE(error.message.find("from a timer"), std::string::npos);
    EXPECT_EQ(error.code, Errc::user_code);
    EXPECT_EQ((*server_)->stats().handler_exceptions, 3u);
    on_first([&] { timer.reset(); });
}

// -- timers ----------------------------------------------------------------------------------------------------------

TEST_F(PublicLoop, TimersCallOnceAndNeverEarly) {
    Inbox<Clock::time_point> fired;
    std::vector<std::unique_ptr<LoopTimer>> timers;
    const std::vector<std::chrono::milliseconds> delays{0ms, 1ms, 16ms, 33ms, 100ms, -5ms};
    const auto began = on_first([&] {
        for (const auto delay : delays) {
            timers.push_back(loop_->make_timer([&, due = loop_->now() + delay] {
                EXPECT_GE(Clock::now(), due);
                fired.push(Clock::now());
            }));
            EXPECT_FALSE(timers.back()->armed());
            timers.back()->start(delay);
            EXPECT_TRUE(timers.back()->armed());
        }
        return loop_->now();
    });
    for (std::size_t i = 0; i < delays.size(); ++i) ASSERT_TRUE(fired.next());
    EXPECT_GE(Clock::now(), began + 100ms);
    let_pass(100ms);
    EXPECT_EQ(fired.size(), 0u);
    on_first([&] {
        for (const auto& timer : timers) EXPECT_FALSE(timer->armed());
        timers.clear();
    });
}

TEST_F(PublicLoop, ARestartedTimerCallsAtTheLaterTimeOnly) {
    Inbox<Clock::time_point> fired;
    std::unique_ptr<LoopTimer> timer;
    const auto began = on_first([&] {
        timer = loop_->make_timer([&] { fired.push(Clock::now()); });
        timer->start(1ms);
        timer->start(150ms);
        return loop_->now();
    });
    EXPECT_GE(fired.next().value(), began + 150ms);
    let_pass(50ms);
    EXPECT_EQ(fired.size(), 0u);
    on_first([&] { timer.reset(); });
}

TEST_F(PublicLoop, CancelledAndDestroyedTimersDoNotCall) {
    std::atomic<int> calls{0};
    std::unique_ptr<LoopTimer> cancelled;
    on_first([&] {
        cancelled = loop_->make_timer([&] { ++calls; });
        auto destroyed = loop_->make_timer([&] { ++calls; });
        cancelled->start(1ms);
        destroyed->start(1ms);
        cancelled->cancel();
        EXPECT_FALSE(cancelled->armed());
        cancelled->cancel();
    });
    let_pass(60ms);
    EXPECT_EQ(calls, 0);
    on_first([&] { cancelled->start(1ms); });
    EXPECT_TRUE(eventually([&] { return calls == 1; }));
    on_first([&] { cancelled.reset(); });
}

TEST_F(PublicLoop, ATimerMayStartItselfAgain) {
    std::atomic<int> calls{0};
    std::unique_ptr<LoopTimer> timer;
    on_first([&] {
        timer = loop_->make_timer([&] {
            EXPECT_FALSE(timer->armed());
            if (++calls < 5) timer->start(1ms);
        });
        timer->start(1ms);
    });
    EXPECT_TRUE(eventually([&] { return calls == 5; }));
    on_first([&] { timer.reset(); });
}

TEST_F(PublicLoop, ATimerMayDestroyItselfAndOthers) {
    const auto held = token();
    std::unique_ptr<LoopTimer> timer, other;
    std::atomic<int> calls{0};
    on_first([&] {
        timer = loop_->make_timer([&, held] {
            timer.reset();
            other.reset();
            ++*held;  // its own closure is still there
            ++calls;
        });
        other = loop_->make_timer([&] {
            other.reset();
            timer.reset();
            ++calls;
        });
        timer->start(1ms);
        other->start(1ms);
    });
    EXPECT_TRUE(eventually([&] { return calls == 1; }));
    let_pass(40ms);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(held.use_count(), 1);
}

// -- the end ---------------------------------------------------------------------------------------------------------

TEST_F(PublicLoop, AfterTheEndPostSaysNoAndDestroysTheTaskHere) {
    server_.reset();
    const auto held = token();
    bool ran = false;
    EXPECT_FALSE(loop_->post([held, &ran] { ran = true; }));
    EXPECT_EQ(held.use_count(), 1);
    loop_->at_turn_end([held, &ran] { ran = true; });
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(loop_->in_loop_thread());
    EXPECT_EQ(loop_->index(), 0u);
    EXPECT_FALSE(ran);
}

TEST_F(PublicLoop, EveryTaskPostedInTimeRuns) {
    std::atomic<int> accepted{0}, ran{0};
    std::atomic<bool> refused{false};
    std::thread poster([&] {
        while (!refused) {
            if (loop_->post([&] { ++ran; })) {
                ++accepted;
            } else {
                refused = true;
            }
        }
    });
    EXPECT_TRUE(eventually([&] { return ran > 100; }));
    (*server_)->stop();
    (*server_)->wait();
    poster.join();
    EXPECT_EQ(ran, accepted);
}

TEST_F(PublicLoop, TimersMayOutliveTheLoop) {
    std::atomic<int> calls{0};
    const auto held = token();
    std::vector<std::unique_ptr<LoopTimer>> timers;
    on_first([&] {
        for (int i = 0; i < 4; ++i) timers.push_back(loop_->make_timer([&calls, held] { ++calls; }));
        for (const auto& timer : timers) timer->start(1h);
    });
    (*server_)->stop();
    (*server_)->wait();
    EXPECT_FALSE(timers[0]->armed());
    timers[0]->start(0ms);
    EXPECT_FALSE(timers[0]->armed());
    timers[0]->cancel();
    auto late = loop_->make_timer([&] { ++calls; });
    late->start(0ms);
    timers.pop_back();
    server_.reset();
    loop_.reset();
    // Each on a thread of its own.
    std::thread other([timer = std::move(timers.back())]() mutable { timer.reset(); });
    timers.pop_back();
    timers.clear();
    other.join();
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(PublicLoop, WhatTheLastTasksLeaveBehindIsDestroyedWithTheLoop) {
    const auto held = token();
    std::promise<void> ended;
    std::unique_ptr<LoopTimer> timer;
    on_first([&] {
        (*server_)->stop();
        // Keeps asking for one more turn, until there is none.
        struct Again {
            LoopPtr loop;
            std::shared_ptr<int> held;
            void operator()() { loop->at_turn_end(Again{loop, held}); }
        };
        loop_->at_turn_end(Again{loop_, held});
    });
    (*server_)->wait();
    EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace cryo::test
