// The life of an extension: registered, started, stopped, unregistered; and what holds a stopping server up.

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "extension_life_fixture.h"

namespace cryo::test {
namespace {

// -- in order --------------------------------------------------------------------------------------------------------

TEST_F(ExtensionLife, StartsInOrderAndStopsInReverse) {
    add("a");
    add("b");
    add("c");
    EXPECT_TRUE(server().loops().empty());
    ASSERT_TRUE(server().start());
    EXPECT_EQ(diary_.events(),
              (Events{"a registered", "b registered", "c registered", "a started", "b started", "c started"}));
    stop_and_wait();
    auto events = diary_.events();
    events.erase(events.begin(), events.begin() + 6);
    EXPECT_EQ(events,
              (Events{"c stopped", "b stopped", "a stopped", "a unregistered", "b unregistered", "c unregistered"}));
}

TEST_F(ExtensionLife, NeitherStartsNorStopsWithAServerThatNeverDoes) {
    add("a");
    add("b");
    EXPECT_TRUE(server().unregister_extension("b"));
    server_.reset();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "b registered", "b unregistered", "a unregistered"}));
}

TEST_F(ExtensionLife, FindsTheLoopsOnStartBeforeThePortIsServed) {
    std::atomic<int> requests{0}, posted{0}, listening{0};
    ASSERT_TRUE(server().http("GET", "/", [&](const HttpRequest&, HttpReply reply) {
        ++requests;
        reply.send({});
    }));
    server().on_listening([&](std::uint16_t) { ++listening; });
    std::unique_ptr<LoopTimer> timer;
    Inbox<Clock::time_point> fired;
    Clock::time_point due;
    auto extension = make("a");
    extension->starting = [&](Server& starting) -> Result<> {
        EXPECT_EQ(starting.loops().size(), 2u);
        for (const auto& loop : starting.loops()) {
            EXPECT_TRUE(loop->post([&] { ++posted; }));
            EXPECT_FALSE(loop->in_loop_thread());
        }
        HttpClient early(starting.port());
        EXPECT_TRUE(early.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n"));
        std::this_thread::sleep_for(100ms);
        timer = starting.loops()[0]->make_timer([&] { fired.push(Clock::now()); });
        due = Clock::now() + 50ms;
        timer->start(50ms);
        EXPECT_EQ(requests + posted + listening, 0);
        return {};
    };
    ASSERT_TRUE(server().register_extension(extension));
    ASSERT_TRUE(server().start());
    EXPECT_EQ(listening, 1);
    EXPECT_TRUE(serves());
    EXPECT_TRUE(eventually([&] { return posted == 2; }));
    EXPECT_GE(fired.next().value(), due);
    stop_and_wait();
}

TEST_F(ExtensionLife, StopsOnTheFirstLoop) {
    bool on_first_loop = false;
    add("a")->stopping = [&](Server& stopping, StopHold) {
        on_first_loop = stopping.loops()[0]->in_loop_thread() && stopping.loops()[0]->index() == 0;
    };
    ASSERT_TRUE(server().start());
    stop_and_wait();
    EXPECT_TRUE(on_first_loop);
}

TEST_F(ExtensionLife, RunsTheSameOnTheCallersThread) {
    std::thread::id started, stopped;
    const auto extension = add("a");
    extension->starting = [&](Server&) -> Result<> {
        started = std::this_thread::get_id();
        return {};
    };
    extension->stopping = [&](Server&, StopHold) { stopped = std::this_thread::get_id(); };
    server().on_listening([&](std::uint16_t) { server().stop(); });
    EXPECT_TRUE(server().run());
    EXPECT_EQ(started, std::this_thread::get_id());
    EXPECT_EQ(stopped, std::this_thread::get_id());
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a stopped", "a unregistered"}));
}

TEST_F(ExtensionLife, StopsAlsoWhenTheServerIsToldBeforeOrWhileItStarts) {
    add("a")->starting = [](Server& starting) -> Result<> {
        starting.stop();
        return {};
    };
    add("b");
    ASSERT_TRUE(server().start());
    server().wait();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "b registered", "a started", "b started", "b stopped",
                                       "a stopped", "a unregistered", "b unregistered"}));
}

TEST_F(ExtensionLife, WhoWaitsWhileTheServerStartsWaitsToItsEnd) {
    std::atomic<bool> waiting{false}, ended{false};
    add("a")->starting = [&](Server& starting) -> Result<> {
        threads_.emplace_back([&] {
            waiting = true;
            starting.wait();
            ended = true;
        });
        EXPECT_TRUE(eventually([&] { return waiting.load(); }));
        std::this_thread::sleep_for(20ms);
        return {};
    };
    ASSERT_TRUE(server().start());
    EXPECT_TRUE(serves());
    EXPECT_FALSE(ended);
    server().stop();
    EXPECT_TRUE(eventually([&] { return ended.load(); }));
    EXPECT_TRUE(diary_.has("a unregistered"));
}

// -- a start that fails ----------------------------------------------------------------------------------------------

class FailedStart : public ExtensionLife, public ::testing::WithParamInterface<bool> {
protected:
    Result<> start() { return GetParam() ? server().run() : server().start(); }
    void expect_ended() {
        EXPECT_EQ(server().start().error().code, Errc::wrong_state);
        EXPECT_EQ(server().register_extension(make("late")).error().code, Errc::wrong_state);
        for (const auto& loop : server().loops()) EXPECT_FALSE(loop->post([] {}));
        server().wait();
    }
};

TEST_P(FailedStart, StopsThoseThatHaveStarted) {
    std::atomic<int> listening{0}, ticks{0};
    server().on_listening([&](std::uint16_t) { ++listening; });
    add("a");
    std::unique_ptr<LoopTimer> timer;
    add("b")->stopping = [&](Server& stopping, StopHold hold) {
        // The loops run for it: the hold goes a few turns later, on the other one.
        const auto loops = stopping.loops();
        timer = loops[0]->make_timer([&, loops, kept = std::make_shared<StopHold>(std::move(hold))]() mutable {
            if (++ticks < 3) return timer->start(1ms);
            loops[1]->post([kept = std::move(kept)] { kept->release(); });
        });
        timer->start(1ms);
    };
    add("c")->starting = [](Server&) -> Result<> { return Error{Errc::address_unavailable, "no such backend"}; };
    add("d");
    const auto started = start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::address_unavailable);
    EXPECT_NE(started.error().message.find("no such backend"), std::string::npos);
    EXPECT_NE(started.error().message.find("\"c\""), std::string::npos);
    auto events = diary_.events();
    events.erase(events.begin(), events.begin() + 4);
    EXPECT_EQ(events, (Events{"a started", "b started", "c started", "b stopped", "a stopped", "a unregistered",
                              "b unregistered", "c unregistered", "d unregistered"}));
    EXPECT_EQ(ticks, 3);
    EXPECT_EQ(listening, 0);
    expect_ended();
}

TEST_P(FailedStart, OfTheOnlyOneCallsNoOnStop) {
    add("a")->starting = [](Server&) -> Result<> { throw std::runtime_error("boom"); };
    const auto started = start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::user_code);
    EXPECT_NE(started.error().message.find("boom"), std::string::npos);
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a unregistered"}));
    expect_ended();
}

TEST_P(FailedStart, AnswersWhoHasConnectedAlready) {
    std::optional<HttpClient> early;
    add("a")->starting = [&](Server& starting) -> Result<> {
        early.emplace(starting.port());
        EXPECT_TRUE(early->send("GET / HTTP/1.1\r\nHost: t\r\n\r\n"));
        return Error{Errc::system, "no"};
    };
    EXPECT_FALSE(start());
    EXPECT_FALSE(early->next()) << "it was never served";
    expect_ended();
}

INSTANTIATE_TEST_SUITE_P(StartOrRun, FailedStart, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Run" : "Start"; });

// -- holds -----------------------------------------------------------------------------------------------------------

TEST_F(ExtensionLife, TheLoopsRunUntilTheLastHoldHasGone) {
    keep_hold(*add("a"));
    keep_hold(*add("b"));
    add("c");  // lets go at once
    ASSERT_TRUE(server().start());
    std::atomic<bool> ended{false};
    server().stop();
    threads_.emplace_back([&] {
        server().wait();
        ended = true;
    });
    auto first = holds_.next(), second = holds_.next();
    ASSERT_TRUE(first && second);
    const auto expect_running = [&] {
        for (const auto& loop : server().loops()) on_loop(*loop, [] {});
        std::this_thread::sleep_for(50ms);  // several looks of a draining loop
        EXPECT_FALSE(ended);
        for (const auto& loop : server().loops()) on_loop(*loop, [] {});
    };
    expect_running();
    first->release();
    first->release();  // nothing more
    expect_running();
    threads_.emplace_back([hold = std::move(second)]() mutable { hold.reset(); });
    EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

TEST_F(ExtensionLife, AHoldThatIsNeverReleasedHoldsForTheDrainTimeout) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    options.drain_timeout = 300ms;
    make_server(options);
    keep_hold(*add("a"));
    ASSERT_TRUE(server().start());
    const auto began = Clock::now();
    stop_and_wait();
    EXPECT_GE(Clock::now() - began, 300ms);
    EXPECT_TRUE(diary_.has("a unregistered"));
    auto hold = holds_.next();
    server_.reset();
    hold->release();  // there is nobody left to tell
}

TEST_F(ExtensionLife, HoldsMayBeMovedAbout) {
    std::atomic<int> released{0};
    const auto make_hold = [&] { return StopHold([&] { ++released; }); };
    {
        StopHold hold = make_hold();
        StopHold other = std::move(hold);
        hold.release();
        EXPECT_EQ(released, 0);
        other = make_hold();
        EXPECT_EQ(released, 1);
        other.release();
        EXPECT_EQ(released, 2);
    }
    EXPECT_EQ(released, 2);
}

TEST_F(ExtensionLife, WhatOnStopThrowsIsFencedAndLetsGo) {
    add("a");
    add("b")->stopping = [](Server&, StopHold) { throw std::runtime_error("stuck"); };
    ASSERT_TRUE(server().start());
    stop_and_wait();
    EXPECT_TRUE(diary_.has("a stopped"));
    EXPECT_EQ(server().stats().handler_exceptions, 1u);
    const auto error = errors_.next().value();
    EXPECT_EQ(error.code, Errc::user_code);
    EXPECT_NE(error.message.find("on_stop of \"b\" threw: stuck"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace cryo::test
