#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/cluster/loop_inbox.h>

#include "support/manual_loop.h"

namespace cryo::cluster {
namespace {

class LoopInboxTest : public ::testing::Test {
protected:
    using Box = LoopInbox<std::unique_ptr<int>>;

    bool push(int number, std::size_t bytes) { return inbox->push(std::make_unique<int>(number), bytes); }

    std::shared_ptr<test::ManualLoop> loop = std::make_shared<test::ManualLoop>();
    std::vector<int> got;
    std::shared_ptr<Box> inbox =
        std::make_shared<Box>(loop, 100, [this](std::unique_ptr<int>& item) { got.push_back(*item); });
};

TEST_F(LoopInboxTest, HandsOverInOrder) {
    EXPECT_TRUE(push(1, 10));
    EXPECT_TRUE(push(2, 10));
    EXPECT_TRUE(got.empty());
    loop->run();
    EXPECT_TRUE(push(3, 10));
    loop->run();
    EXPECT_EQ(got, (std::vector<int>{1, 2, 3}));
}

TEST_F(LoopInboxTest, HasALimitThatItemsWithoutBytesPass) {
    EXPECT_TRUE(push(1, 60));
    EXPECT_FALSE(push(2, 41));
    EXPECT_TRUE(push(3, 40));
    EXPECT_TRUE(push(4, 0));
    EXPECT_EQ(inbox->clear(), 3u);
    EXPECT_TRUE(push(5, 100));
    loop->run();
    EXPECT_EQ(got, (std::vector<int>{5}));
}

TEST_F(LoopInboxTest, ClosedItIsSilent) {
    auto box = std::make_shared<Box>(loop, 100, [&](std::unique_ptr<int>& item) {
        got.push_back(*item);
        if (*item == 2) inbox->close();
    });
    inbox = box;
    push(1, 1);
    push(2, 1);
    push(3, 1);
    loop->run();
    EXPECT_EQ(got, (std::vector<int>{1, 2}));
    EXPECT_FALSE(push(4, 1));
}

TEST_F(LoopInboxTest, RefusesWhenTheLoopHasEnded) {
    loop->end();
    EXPECT_FALSE(push(1, 1));
    EXPECT_EQ(inbox->clear(), 0u);
}

TEST_F(LoopInboxTest, TakesFromManyThreadsEachInItsOrder) {
    auto box = std::make_shared<Box>(loop, 1u << 20, [this](std::unique_ptr<int>& item) { got.push_back(*item); });
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 500; ++i) box->push(std::make_unique<int>(thread * 1000 + i), 1);
        });
    }
    while (got.size() < 1500) loop->run();
    for (auto& thread : threads) thread.join();
    std::vector<int> next(3, 0);
    for (const int number : got) EXPECT_EQ(number % 1000, next[static_cast<std::size_t>(number / 1000)]++);
}

}  // namespace
}  // namespace cryo::cluster
