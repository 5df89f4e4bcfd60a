// Extensions that come and go while the server runs or stops, and the routes they mount.

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "extension_life_fixture.h"

namespace cryo::test {
namespace {

// -- while the server runs -------------------------------------------------------------------------------------------

TEST_F(ExtensionLife, StartsOnTheRegisteringThreadOfARunningServer) {
    ASSERT_TRUE(server().start());
    std::thread::id thread;
    const auto extension = make("a");
    extension->starting = [&](Server& starting) -> Result<> {
        thread = std::this_thread::get_id();
        for (const auto& loop : starting.loops()) on_loop(*loop, [] {});  // they run already
        return {};
    };
    ASSERT_TRUE(server().register_extension(extension));
    EXPECT_EQ(thread, std::this_thread::get_id());
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started"}));
    stop_and_wait();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a stopped", "a unregistered"}));
}

TEST_F(ExtensionLife, ALateStartThatFailsKeepsItOut) {
    ASSERT_TRUE(server().start());
    const auto failing = make("a"), throwing = make("a");
    failing->starting = [](Server&) -> Result<> { return Error{Errc::system, "no"}; };
    throwing->starting = [](Server&) -> Result<> { throw 42; };
    EXPECT_EQ(server().register_extension(failing).error(), (Error{Errc::system, "no"}));
    EXPECT_EQ(server().register_extension(throwing).error().code, Errc::user_code);
    add("a");
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a unregistered", "a registered", "a started",
                                       "a unregistered", "a registered", "a started"}));
    EXPECT_TRUE(serves());
}

TEST_F(ExtensionLife, UnregisteringStopsItAndWaitsForItsHold) {
    ASSERT_TRUE(server().start());
    std::thread::id thread;
    std::atomic<bool> released{false};
    std::unique_ptr<LoopTimer> timer;
    add("a")->stopping = [&](Server& stopping, StopHold hold) {
        thread = std::this_thread::get_id();
        const auto loop = stopping.loops()[1];
        on_loop(*loop, [&] {
            timer = loop->make_timer([&, kept = std::make_shared<StopHold>(std::move(hold))] {
                released = true;
                kept->release();
            });
            timer->start(50ms);
        });
    };
    add("b");
    ASSERT_TRUE(server().unregister_extension("a"));
    EXPECT_TRUE(released);
    EXPECT_EQ(thread, std::this_thread::get_id());
    stop_and_wait();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "b registered", "b started", "a stopped",
                                       "a unregistered", "b stopped", "b unregistered"}));
}

TEST_F(ExtensionLife, UnregisteringGivesUpOnAHoldAfterTheDrainTimeout) {
    auto options = TestServer::quick_options();
    options.drain_timeout = 200ms;
    make_server(options);
    ASSERT_TRUE(server().start());
    keep_hold(*add("a"));
    const auto began = Clock::now();
    ASSERT_TRUE(server().unregister_extension("a"));
    EXPECT_GE(Clock::now() - began, 200ms);
    EXPECT_TRUE(diary_.has("a unregistered"));
    EXPECT_TRUE(serves());
    auto hold = holds_.next();
    add("a");
}

TEST_F(ExtensionLife, WhileTheServerStopsNoneComesAndOneThatGoesIsStoppedOnce) {
    keep_hold(*add("a"));
    ASSERT_TRUE(server().start());
    server().stop();
    auto hold = holds_.next();
    ASSERT_TRUE(hold);
    EXPECT_EQ(server().register_extension(make("late")).error().code, Errc::wrong_state);
    std::atomic<bool> gone{false};
    threads_.emplace_back([&] {
        EXPECT_TRUE(server().unregister_extension("a"));
        gone = true;
    });
    std::this_thread::sleep_for(50ms);
    EXPECT_FALSE(gone);
    hold->release();
    EXPECT_TRUE(eventually([&] { return gone.load(); }));
    server().wait();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a stopped", "a unregistered"}));
}

TEST_F(ExtensionLife, OneThatStartsWhileTheServerStopsIsStoppedAgain) {
    ASSERT_TRUE(server().start());
    const auto extension = make("a");
    extension->starting = [&](Server& starting) -> Result<> {
        const auto loops = starting.loops();
        starting.stop();
        std::this_thread::sleep_for(50ms);
        for (const auto& loop : loops) on_loop(*loop, [] {});  // the loops wait for it
        return {};
    };
    EXPECT_EQ(server().register_extension(extension).error().code, Errc::wrong_state);
    server().wait();
    EXPECT_EQ(diary_.events(), (Events{"a registered", "a started", "a stopped", "a unregistered"}));
}

TEST_F(ExtensionLife, ComesAndGoesWhileTheServerStops) {
    for (int round = 0; round < 10; ++round) {
        ASSERT_TRUE(server().start());
        std::atomic<bool> stopped{false};
        std::thread changer([&] {
            while (!stopped) {
                (void)server().register_extension(make("a"));
                (void)server().unregister_extension("a");
            }
        });
        std::this_thread::sleep_for(5ms);
        stop_and_wait();
        stopped = true;
        changer.join();
        const auto events = diary_.events();
        const auto count = [&](const std::string& event) { return std::count(events.begin(), events.end(), event); };
        EXPECT_EQ(count("a started"), count("a stopped"));
        EXPECT_EQ(count("a registered"), count("a unregistered"));
        auto options = TestServer::quick_options();
        options.threads = 2;
        make_server(options);
    }
}

TEST_F(ExtensionLife, NeitherStartNorStopMayChangeTheExtensions) {
    std::atomic<int> calls{0};
    const auto expect_refused = [&](Server& live) {
        ++calls;
        EXPECT_EQ(live.register_extension(make("other")).error().code, Errc::wrong_state);
        EXPECT_EQ(live.unregister_extension("a").error().code, Errc::wrong_state);
        EXPECT_EQ(live.reload_tls({}).error().code, Errc::wrong_state);
        EXPECT_EQ(live.http("GET", "/late", [](const HttpRequest&, HttpReply) {}).error().code, Errc::wrong_state);
    };
    for (const auto* name : {"a", "b"}) {
        const auto extension = make(name);
        extension->starting = [&](Server& live) -> Result<> {
            expect_refused(live);
            return {};
        };
        extension->stopping = [&](Server& live, StopHold) { expect_refused(live); };
        ASSERT_TRUE(server().register_extension(extension));
        if (diary_.events().size() == 1) {
            ASSERT_TRUE(server().start());
        }
    }
    ASSERT_TRUE(server().unregister_extension("b"));
    stop_and_wait();
    EXPECT_EQ(calls, 4);
}

// -- what it mounts --------------------------------------------------------------------------------------------------

Result<> mount(Server& server) {
    auto mounted = server.http("GET", "/mounted", [](const HttpRequest&, HttpReply reply) { reply.send({}); });
    if (!mounted) return mounted;
    auto endpoint = server.websocket("/socket", {});
    return endpoint ? Result<>{} : Result<>(endpoint.error());
}

TEST_F(ExtensionLife, MayMountRoutesWhenItIsRegistered) {
    const auto extension = make("a");
    extension->registering = mount;
    ASSERT_TRUE(server().register_extension(extension));
    ASSERT_TRUE(server().start());
    EXPECT_EQ(HttpClient(server().port()).get("/mounted")->status, 200);
    EXPECT_EQ(HttpClient(server().port()).get("/socket")->status, 426);
    const auto late = make("b");
    late->registering = mount;
    EXPECT_EQ(server().register_extension(late).error().code, Errc::wrong_state);
}

TEST_F(ExtensionLife, WhatItMountedGoesWhenItIsKeptOut) {
    ASSERT_TRUE(server().http("GET", "/before", [](const HttpRequest&, HttpReply reply) { reply.send({}); }));
    auto extension = make("a");
    extension->registering = [](Server& live) -> Result<> {
        EXPECT_TRUE(mount(live));
        return Error{Errc::system, "no"};
    };
    EXPECT_FALSE(server().register_extension(extension));
    extension->registering = [](Server& live) -> Result<> {
        EXPECT_TRUE(mount(live)) << "still mounted";
        throw std::runtime_error("no");
    };
    EXPECT_FALSE(server().register_extension(extension));
    ASSERT_TRUE(server().start());
    HttpClient client(server().port());
    EXPECT_EQ(client.get("/before")->status, 200);
    EXPECT_EQ(client.get("/mounted")->status, 404);
    EXPECT_EQ(client.get("/socket")->status, 404);
}

}  // namespace
}  // namespace cryo::test
