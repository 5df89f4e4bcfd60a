#include <atomic>
#include <future>
#include <stdexcept>

#include <gtest/gtest.h>

#include <cryo/worker_pool.h>

namespace cryo {
namespace {

TEST(WorkerPool, RunsEverythingBeforeItEnds) {
    std::atomic<int> ran = 0;
    {
        WorkerPool pool(3);
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.submit([&ran] { ++ran; }));
    }
    EXPECT_EQ(ran, 500);
}

TEST(WorkerPool, RunsTasksAtTheSameTime) {
    std::promise<void> first, second;
    auto first_done = first.get_future(), second_done = second.get_future();
    WorkerPool pool(2);
    pool.submit([&] { first.set_value(), second_done.wait(); });
    pool.submit([&] { first_done.wait(), second.set_value(); });
}

TEST(WorkerPool, RefusesBeyondItsLimitAndDestroysTheTask) {
    std::promise<void> started, release;
    auto released = release.get_future();
    const auto owned = std::make_shared<int>(1);
    {
        WorkerPool pool(1, 2);
        pool.submit([&] { started.set_value(), released.wait(); });
        started.get_future().wait();
        EXPECT_TRUE(pool.submit([] {}));
        EXPECT_TRUE(pool.submit([] {}));
        EXPECT_FALSE(pool.submit([owned] {}));
        EXPECT_EQ(owned.use_count(), 1);
        release.set_value();
    }
}

TEST(WorkerPool, SurvivesWhatTasksThrow) {
    std::atomic<int> ran = 0;
    {
        WorkerPool pool(1);
        for (int i = 0; i < 10; ++i) {
            pool.submit([&ran] {
                ++ran;
                throw std::runtime_error("x");
            });
        }
    }
    EXPECT_EQ(ran, 10);
}

TEST(WorkerPool, HasAtLeastOneThread) {
    std::atomic<bool> ran = false;
    {
        WorkerPool(0).submit([&ran] { ran = true; });
    }
    EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace cryo
