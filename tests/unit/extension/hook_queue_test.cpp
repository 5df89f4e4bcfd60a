#include "extension/hook_queue.h"

#include <optional>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "support/fake_extension.h"
#include "support/fake_session.h"

namespace cryo::extension {
namespace {

using test::FakeExtension;
using Strings = std::vector<std::string>;

struct HookQueueTest : testing::Test, HookSink {
    SendStatus passed(Direction, Message& message, std::string_view dedupe_key) override {
        out.push_back(std::string(as_text(message.bytes())));
        keys.push_back(std::string(dedupe_key));
        if (on_passed) on_passed();
        return status;
    }
    void dropped(Direction, const DroppedMessage& message) override { drops.push_back(message.reason); }
    void unblocked(Direction) override { ++unblocks; }

    void make_queue(Direction direction, HookLimits limits = {}) {
        queue.emplace(direction, runner, *session, *this, limits);
    }
    std::shared_ptr<FakeExtension> add(const char* name, FakeExtension::Hook hook) {
        auto extension = std::make_shared<FakeExtension>(name, std::move(hook));
        runner.use(pipeline.add(extension).value());
        return extension;
    }
    /// An extension that defers every message, and keeps the rights to decide in `deferred`.
    void add_deferring(const char* name = "deferring") {
        add(name, [this](HookContext& context, Message&) {
            deferred.push_back(context.defer());
            return Verdict::defer;
        });
    }
    SendStatus submit(std::string text) { return queue->submit(Message(std::move(text))); }

    Pipeline pipeline{};
    std::shared_ptr<test::FakeLogger> logger = std::make_shared<test::FakeLogger>();
    HookRunner runner{logger};
    std::shared_ptr<test::FakeSession> session = std::make_shared<test::FakeSession>();
    std::vector<Deferred> deferred{};
    std::optional<HookQueue> queue{};
    std::function<void()> on_passed{};
    SendStatus status = SendStatus::sent;  // of what has passed

    Strings out{}, keys{};
    std::vector<DropReason> drops{};
    int unblocks = 0;
};

FakeExtension::Hook append(std::string text) {
    return [text](HookContext&, Message& message) {
        message.utf8() += text;
        return Verdict::proceed;
    };
}

TEST_F(HookQueueTest, PassesWithinTheCall) {
    make_queue(Direction::send);
    add("a", append("!"));
    EXPECT_EQ(queue->submit(Message("x"), "key"), SendStatus::sent);
    EXPECT_EQ(out, Strings{"x!"});
    EXPECT_EQ(keys, Strings{"key"});
    EXPECT_TRUE(queue->idle());
}

TEST_F(HookQueueTest, ReportsVetoes) {
    make_queue(Direction::send);
    add("a", [](HookContext&, Message&) { return Verdict::drop; });
    EXPECT_EQ(submit("x"), SendStatus::dropped);
    EXPECT_EQ(drops, std::vector{DropReason::vetoed});
    EXPECT_TRUE(queue->idle());
}

TEST_F(HookQueueTest, MessagesWaitBehindADeferredOneUnseenByHooks) {
    make_queue(Direction::send);
    add_deferring();
    const auto second = add("second", append("!"));
    EXPECT_EQ(submit("a"), SendStatus::queued);
    EXPECT_EQ(submit("b"), SendStatus::queued);
    EXPECT_EQ(deferred.size(), 1u);
    EXPECT_TRUE(second->calls.empty());
    EXPECT_EQ(queue->waiting_count(), 2u);
    EXPECT_FALSE(queue->idle());

    deferred[0].proceed();
    EXPECT_TRUE(out.empty()) << "on the loop, not here";
    session->run_posted();
    EXPECT_EQ(out, Strings{"a!"});
    ASSERT_EQ(deferred.size(), 2u);
    deferred[1].proceed(Message("B"));
    session->run_posted();
    EXPECT_EQ(out, (Strings{"a!", "B!"}));
    EXPECT_TRUE(queue->idle());
    EXPECT_EQ(queue->waiting_bytes(), 0u);
}

TEST_F(HookQueueTest, TellsOnceWhenTheSessionTakesNothingAnyMore) {
    make_queue(Direction::send);
    add_deferring();
    submit("a");
    submit("b");
    status = SendStatus::closed;
    deferred[0].proceed();
    session->run_posted();
    deferred[1].proceed();
    session->run_posted();
    EXPECT_EQ(drops, (std::vector{DropReason::closed, DropReason::closed})) << "nobody took the status";
    runner.use(nullptr);
    EXPECT_EQ(submit("c"), SendStatus::closed);
    EXPECT_EQ(drops.size(), 2u) << "the caller was told";
}

TEST_F(HookQueueTest, KeepsTheDedupeKeyOfADeferredMessage) {
    make_queue(Direction::send);
    add_deferring();
    queue->submit(Message("a"), "key");
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(keys, Strings{"key"});
}

TEST_F(HookQueueTest, ALateDropIsAVeto) {
    make_queue(Direction::receive);
    add_deferring();
    submit("a");
    deferred[0].drop();
    session->run_posted();
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(drops, std::vector{DropReason::vetoed});
}

TEST_F(HookQueueTest, NeverDecidedIsDropped) {
    make_queue(Direction::receive);
    add_deferring();
    submit("a");
    submit("b");
    deferred.clear();  // "a" is dropped, and "b" deferred in its turn
    session->run_posted();
    deferred.clear();
    session->run_posted();
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(drops.size(), 2u);
    EXPECT_TRUE(queue->idle());
}

TEST_F(HookQueueTest, DeferringWithoutTheRightToDecideDrops) {
    make_queue(Direction::send);
    add("bad", [](HookContext&, Message&) { return Verdict::defer; });
    EXPECT_EQ(submit("a"), SendStatus::dropped);
    EXPECT_EQ(drops, std::vector{DropReason::vetoed});
}

TEST_F(HookQueueTest, TheVerdictCountsNotTheUnusedRight) {
    make_queue(Direction::send);
    add("odd", [this](HookContext& context, Message&) {
        deferred.push_back(context.defer());
        return Verdict::proceed;
    });
    EXPECT_EQ(submit("a"), SendStatus::sent);
    deferred[0].drop();
    session->run_posted();
    EXPECT_EQ(out, Strings{"a"});
    EXPECT_TRUE(drops.empty());
}

TEST_F(HookQueueTest, OnlyTheFirstDecisionCounts) {
    make_queue(Direction::send);
    add_deferring();
    submit("a");
    deferred[0].proceed();
    deferred[0].drop();
    deferred[0].proceed(Message("b"));
    session->run_posted();
    EXPECT_EQ(out, Strings{"a"});
    EXPECT_TRUE(drops.empty());
}

TEST_F(HookQueueTest, SeveralHooksCanDeferTheSameMessage) {
    make_queue(Direction::send);
    add_deferring("one");
    add_deferring("two");
    submit("a");
    deferred[0].proceed();
    session->run_posted();
    ASSERT_EQ(deferred.size(), 2u);
    EXPECT_TRUE(out.empty());
    deferred[1].proceed();
    session->run_posted();
    EXPECT_EQ(out, Strings{"a"});
}

TEST_F(HookQueueTest, DropsReplacementsOfAnotherKindOrInvalidText) {
    make_queue(Direction::send);
    add_deferring();
    submit("a");
    deferred[0].proceed(Message(std::vector<std::byte>(3)));
    session->run_posted();
    submit("b");
    deferred[1].proceed(Message("\xff"));
    session->run_posted();
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(drops.size(), 2u);
}

TEST_F(HookQueueTest, SkipsExtensionsUnregisteredWhileDeferred) {
    make_queue(Direction::send);
    add_deferring();
    const auto gone = add("gone", append("-gone"));
    add("stays", append("-stays"));
    submit("a");
    ASSERT_TRUE(pipeline.remove("deferring"));
    runner.use(pipeline.remove("gone").value());
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(out, Strings{"a-stays"});
    EXPECT_TRUE(gone->calls.empty());
}

TEST_F(HookQueueTest, GoesOnWithoutAnyExtensionLeft) {
    make_queue(Direction::send);
    add_deferring();
    submit("a");
    submit("b");
    runner.use(pipeline.remove("deferring").value());
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(out, (Strings{"a", "b"}));
}

TEST_F(HookQueueTest, SendingDropsBeyondTheLimits) {
    make_queue(Direction::send, {.max_count = 3, .max_bytes = 10});
    add_deferring();
    EXPECT_EQ(submit("a"), SendStatus::queued);
    EXPECT_EQ(submit("0123456789"), SendStatus::dropped) << "too many bytes";
    EXPECT_EQ(submit("b"), SendStatus::queued);
    EXPECT_EQ(submit("c"), SendStatus::queued);
    EXPECT_EQ(submit("d"), SendStatus::dropped) << "too many messages";
    EXPECT_EQ(drops, (std::vector{DropReason::queue_full, DropReason::queue_full}));
}

TEST_F(HookQueueTest, ReceivingBlocksInsteadOfDropping) {
    make_queue(Direction::receive, {.max_count = 2, .max_bytes = 1000});
    add_deferring();
    submit("a");
    EXPECT_FALSE(queue->blocked());
    submit("b");
    EXPECT_TRUE(queue->blocked());
    submit("c");
    EXPECT_TRUE(drops.empty());
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(unblocks, 0);
    deferred[1].proceed();
    session->run_posted();
    EXPECT_EQ(unblocks, 1);
    EXPECT_FALSE(queue->blocked());
    EXPECT_EQ(out, (Strings{"a", "b"}));
}

TEST_F(HookQueueTest, BytesBlockToo) {
    make_queue(Direction::receive, {.max_count = 100, .max_bytes = 10});
    add_deferring();
    submit("0123456789");
    EXPECT_TRUE(queue->blocked());
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(unblocks, 1);
}

TEST_F(HookQueueTest, WhatAHookSendsGoesAfterItsMessage) {
    make_queue(Direction::send);
    bool first = true;
    add("chatty", [&](HookContext&, Message&) {
        if (std::exchange(first, false)) {
            EXPECT_EQ(submit("second"), SendStatus::queued);
        }
        return Verdict::proceed;
    });
    submit("first");
    EXPECT_EQ(out, (Strings{"first", "second"}));
    EXPECT_TRUE(queue->idle());
}

TEST_F(HookQueueTest, DecisionsAfterTheEndAreIgnored) {
    make_queue(Direction::send);
    add_deferring();
    submit("a");
    deferred[0].proceed();
    queue.reset();
    session->run_posted();
    EXPECT_TRUE(out.empty());

    make_queue(Direction::send);
    submit("b");
    queue.reset();
    session.reset();
    deferred.clear();  // the session itself has gone
    EXPECT_TRUE(out.empty());
}

TEST_F(HookQueueTest, TheSessionMayEndWithinAnyCall) {
    make_queue(Direction::receive);
    add("a", [](HookContext&, Message&) { return Verdict::proceed; });
    on_passed = [&] { queue.reset(); };
    submit("a");
    EXPECT_FALSE(queue);

    make_queue(Direction::receive);
    add("ending", [&](HookContext&, Message&) {
        queue.reset();
        return Verdict::proceed;
    });
    EXPECT_EQ(submit("b"), SendStatus::closed);
    EXPECT_EQ(out, Strings{"a"});
}

TEST_F(HookQueueTest, TheSessionMayEndWhileWaitingMessagesGoOn) {
    make_queue(Direction::receive);
    add_deferring();
    submit("a");
    submit("b");
    runner.use(pipeline.remove("deferring").value());
    on_passed = [&] { queue.reset(); };
    deferred[0].proceed();
    session->run_posted();
    EXPECT_EQ(out, Strings{"a"});
}

/// A hundred messages, each deferred and decided at random by some thread: order is kept whatever happens.
TEST_F(HookQueueTest, KeepsOrderOverRandomDecisionsOfRandomThreads) {
    make_queue(Direction::receive);
    std::mt19937 random(11);
    std::vector<std::thread> threads;
    Strings expected;
    add("random", [&](HookContext& context, Message& message) {
        const auto choice = random() % 5;
        const std::string text = message.utf8();
        if (choice != 1 && choice != 4) expected.push_back(choice == 2 ? text + "'" : text);
        if (choice == 0) return Verdict::proceed;
        threads.emplace_back([choice, text, decision = context.defer()]() mutable {
            if (choice == 1) decision.drop();
            if (choice == 2) decision.proceed(Message(text + "'"));
            if (choice == 3) decision.proceed();
        });  // choice 4: never decided
        return Verdict::defer;
    });
    for (int i = 0; i < 100; ++i) {
        submit(std::to_string(i));
        session->run_posted();
    }
    while (!queue->idle()) {
        session->wait_for_post();
        session->run_posted();
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(out, expected);
    EXPECT_EQ(out.size() + drops.size(), 100u);
}

}  // namespace
}  // namespace cryo::extension
