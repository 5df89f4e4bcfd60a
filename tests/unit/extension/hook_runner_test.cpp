#include "extension/hook_runner.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "support/fake_extension.h"
#include "support/fake_session.h"

namespace cryo::extension {
namespace {

using test::FakeExtension;

struct NoDefer final : HookContext {
    test::FakeSession fake{};
    Session& session() noexcept override { return fake; }
    Deferred defer() override { return Deferred(nullptr); }
};

struct HookRunnerTest : testing::Test {
    std::shared_ptr<FakeExtension> add(const char* name, FakeExtension::Hook hook = {}) {
        auto extension = std::make_shared<FakeExtension>(name, std::move(hook));
        runner.use(pipeline.add(extension).value());
        return extension;
    }
    Verdict run(Message& message, Direction direction = Direction::send) {
        order = 0;
        return runner.run(direction, context, message, order);
    }

    Pipeline pipeline{};
    std::shared_ptr<test::FakeLogger> logger = std::make_shared<test::FakeLogger>();
    HookRunner runner{logger};
    NoDefer context{};
    std::uint64_t order = 0;
};

FakeExtension::Hook append(std::string text) {
    return [text](HookContext&, Message& message) {
        message.utf8() += text;
        return Verdict::proceed;
    };
}

TEST_F(HookRunnerTest, ProceedsWithoutExtensions) {
    Message message("x");
    EXPECT_TRUE(runner.empty());
    EXPECT_EQ(run(message), Verdict::proceed);
}

TEST_F(HookRunnerTest, CallsTheHookOfDirectionAndKind) {
    const auto extension = add("a");
    Message text("x"), binary(std::vector<std::byte>(1));
    run(text, Direction::send);
    run(binary, Direction::send);
    run(text, Direction::receive);
    run(binary, Direction::receive);
    EXPECT_EQ(extension->calls, (std::vector<std::string>{"before_send_utf8", "before_send_binary", "on_receive_utf8",
                                                          "on_receive_binary"}));
}

TEST_F(HookRunnerTest, RunsInOrderAndPassesChangesOn) {
    for (const char* name : {"c", "a", "b"}) add(name, append(name));
    Message message("x");
    EXPECT_EQ(run(message), Verdict::proceed);
    EXPECT_EQ(message.utf8(), "xcab");
}

TEST_F(HookRunnerTest, TheFirstVetoEndsTheChain) {
    add("a");
    add("b", [](HookContext&, Message&) { return Verdict::drop; });
    const auto last = add("c");
    Message message("x");
    EXPECT_EQ(run(message), Verdict::drop);
    EXPECT_TRUE(last->calls.empty());
}

TEST_F(HookRunnerTest, WhatAHookThrowsIsLoggedCountedAndTakenAsProceed) {
    add("bad", [](HookContext&, Message&) -> Verdict { throw std::runtime_error("oops"); });
    add("worse", [](HookContext&, Message&) -> Verdict { throw 42; });
    const auto last = add("last");
    Message message("x");
    EXPECT_EQ(run(message), Verdict::proceed);
    EXPECT_EQ(last->calls.size(), 1u);
    ASSERT_EQ(logger->lines.size(), 2u);
    EXPECT_EQ(logger->lines[0], "bad: before_send threw: oops failures=1");
    EXPECT_EQ(logger->lines[1], "worse: before_send threw: not a std::exception failures=1");
    EXPECT_EQ(pipeline.failures(), 2u);
    ASSERT_TRUE(pipeline.remove("bad"));
    EXPECT_EQ(pipeline.failures(), 2u) << "those of removed extensions stay counted";
}

TEST_F(HookRunnerTest, AHookThatAlwaysThrowsDoesNotFloodTheLog) {
    add("bad", [](HookContext&, Message&) -> Verdict { throw std::runtime_error("oops"); });
    Message message("x");
    for (int i = 0; i < 1000; ++i) run(message);
    EXPECT_EQ(logger->lines.size(), 10u);
    EXPECT_EQ(pipeline.failures(), 1000u);
}

TEST_F(HookRunnerTest, DropsTextThatIsNoLongerUtf8) {
    add("bad", append("\xff"));
    const auto last = add("last");
    Message message("x");
    EXPECT_EQ(run(message), Verdict::drop);
    EXPECT_TRUE(last->calls.empty());
    ASSERT_EQ(logger->lines.size(), 1u);
    EXPECT_TRUE(logger->lines[0].starts_with("bad: "));
}

TEST_F(HookRunnerTest, DropsAMessageThatChangedItsKind) {
    add("bad", [](HookContext&, Message& message) {
        message = Message(std::vector<std::byte>(3));
        return Verdict::proceed;
    });
    Message message("x");
    EXPECT_EQ(run(message), Verdict::drop);
}

TEST_F(HookRunnerTest, GoesOnBehindAPlaceEvenIfThatExtensionHasGone) {
    add("a", append("a"));
    add("b", [](HookContext&, Message&) { return Verdict::defer; });
    add("c", append("c"));
    Message message("x");
    EXPECT_EQ(run(message), Verdict::defer);
    runner.use(pipeline.remove("b").value());
    EXPECT_EQ(runner.run(Direction::send, context, message, order), Verdict::proceed);
    EXPECT_EQ(message.utf8(), "xac");
}

TEST_F(HookRunnerTest, TellsOfTheCloseOnlyThoseThatKnowOfTheOpening) {
    const auto early = add("early");
    const std::uint64_t mark = runner.session_opened(context.session());
    const auto late = add("late");
    runner.session_closed(context.session(), {}, mark);
    EXPECT_EQ(early->calls, (std::vector<std::string>{"open", "closed"}));
    EXPECT_TRUE(late->calls.empty());
}

TEST_F(HookRunnerTest, ALoggerThatThrowsHarmsNothing) {
    struct Thrower final : ILogger {
        void log(LogLevel, std::string_view, std::string_view) override { throw std::runtime_error("disk full"); }
    };
    HookRunner fragile(std::make_shared<Thrower>());
    add("bad", append("\xff"));
    fragile.use(pipeline.snapshot());
    Message message("x");
    EXPECT_EQ(fragile.run(Direction::send, context, message, order), Verdict::drop);
}

}  // namespace
}  // namespace cryo::extension
