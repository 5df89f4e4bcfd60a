#include <csignal>

#include <sys/resource.h>

#include "integration/transport_fixture.h"

namespace cryo::transport {
namespace {

using test::ClientSocket;

struct RecordingLogger final : ILogger {
    void log(LogLevel, std::string_view, std::string_view message) override {
        const std::lock_guard lock(mutex);
        lines.emplace_back(message);
    }
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return lines.size();
    }
    std::mutex mutex;
    std::vector<std::string> lines;
};

TEST(Loop, StopClosesOpenConnectionsAndRunsWhatWasPostedBefore) {
    LoopThread server;
    std::vector<ClientSocket> clients;
    for (int i = 0; i < 50; ++i) clients.emplace_back(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 50; }));
    std::atomic<int> ran{0};
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(server.loop->post([&] { ++ran; }));
    server.stop();
    EXPECT_EQ(ran, 100);
    EXPECT_EQ(server.counters.closed, 50);
    EXPECT_EQ(server.counters.destroyed, 50);
    for (auto& client : clients) EXPECT_TRUE(client.closed_by_peer());
    EXPECT_FALSE(ClientSocket(server.port).connected());
}

TEST(Loop, PostAfterTheEndIsRefusedAndTheTaskDestroyed) {
    LoopThread server;
    server.stop();
    auto token = std::make_shared<int>(0);
    EXPECT_FALSE(server.loop->post([token] { FAIL(); }));
    EXPECT_EQ(token.use_count(), 1);
}

TEST(Loop, TaskPostedByOnClosedAtTheEndStillRuns) {
    std::atomic<bool> ran{false};
    LoopThread server([&ran](TestHandler& handler) {
        handler.closed = [&ran](TestHandler& self) { EXPECT_TRUE(self.socket->loop().post([&ran] { ran = true; })); };
    });
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    server.stop();
    EXPECT_TRUE(ran);
}

TEST(Loop, KeepsTheOrderOfEachPostingThread) {
    constexpr int kThreads = 4;
    constexpr int kTasks = 5000;
    LoopThread server;
    std::vector<int> next(kThreads, 0);  // touched on the loop only
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kTasks; ++i) {
                server.loop->post([&, t, i] {
                    EXPECT_TRUE(server.loop->in_loop_thread());
                    EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
                    ++ran;
                });
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(eventually([&] { return ran == kThreads * kTasks; }));
    EXPECT_FALSE(server.loop->in_loop_thread());
}

TEST(Loop, ThreadsMayPostWhileItStops) {
    for (int round = 0; round < 20; ++round) {
        LoopThread server;
        std::atomic<bool> done{false};
        std::atomic<int> accepted{0};
        std::atomic<int> ran{0};
        std::thread poster([&] {
            while (!done) accepted += server.loop->post([&] { ++ran; });
        });
        std::this_thread::sleep_for(1ms);
        server.stop();
        done = true;
        poster.join();
        EXPECT_EQ(accepted, ran);
    }
}

TEST(Loop, WhatATaskFlushesLeavesInTheSameTurn) {
    LoopThread server;
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    server.on_loop([&] { server.last.lock()->send("pushed"); });
    EXPECT_EQ(client.receive(6), "pushed");
}

TEST(Loop, KeepsBrokenPipesFromEndingTheProcessUnlessTheyAreHandled) {
    const auto handler_after_create = [](void (*before)(int)) {
        std::signal(SIGPIPE, before);
        LoopThread server;
        struct sigaction current {};
        EXPECT_EQ(::sigaction(SIGPIPE, nullptr, &current), 0);
        return current.sa_handler;
    };
    const auto own = [](int) {};
    EXPECT_EQ(handler_after_create(own), +own);
    EXPECT_EQ(handler_after_create(SIG_DFL), SIG_IGN);
}

TEST(Loop, MayBeStoppedBeforeItRunsOrNeverRun) {
    for (int i = 0; i < 20; ++i) {
        auto listener = bind_listener("127.0.0.1", 0, false, true);
        ASSERT_TRUE(listener);
        auto loop = Loop::create({.fd = listener->fd}, [](Socket&) { return nullptr; });
        ASSERT_TRUE(loop);
        if (i % 2 == 0) {
            (*loop)->stop();
            (*loop)->run();
        }
    }
}

TEST(Loop, FiresTimersOnTime) {
    struct Probe {
        void on_timeout() noexcept { fired.set_value(Clock::now()); }
        std::promise<Clock::time_point> fired;
        MemberTimer<Probe, &Probe::on_timeout> timer{*this};
    } probe;
    LoopThread server;
    const auto started = Clock::now();
    server.on_loop([&] { server.loop->timers().start(probe.timer, 100ms); });
    const auto elapsed = probe.fired.get_future().get() - started;
    EXPECT_GE(elapsed, 100ms);
    EXPECT_LT(elapsed, 100ms + 5 * TimerWheel::kSlotWidth);  // two slots, and slack for a busy machine
}

TEST(Loop, TimerMayFlushASocket) {
    struct Pusher {
        void push() noexcept { handler->send("tick"); }
        std::shared_ptr<TestHandler> handler;
        MemberTimer<Pusher, &Pusher::push> timer{*this};
    } pusher;
    LoopThread server;
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    server.on_loop([&] {
        pusher.handler = server.last.lock();
        server.loop->timers().start(pusher.timer, 20ms);
    });
    EXPECT_EQ(client.receive(4), "tick");
    server.on_loop([&] { pusher.handler.reset(); });
}

TEST(Loop, StopListeningKeepsConnections) {
    LoopThread server;
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    server.on_loop([&] { server.loop->stop_listening(); });
    EXPECT_FALSE(ClientSocket(server.port).connected());
    client.send("x");
    EXPECT_EQ(client.receive(1), "x");
}

TEST(Loop, SeveralShareAPort) {
    auto first = bind_listener("127.0.0.1", 0, true, true);
    ASSERT_TRUE(first) << first.error().message;
    auto second = bind_listener("127.0.0.1", first->port, true, false);
    ASSERT_TRUE(second) << second.error().message;
    LoopThread one([](TestHandler&) {}, {.fd = first->fd});
    LoopThread two([](TestHandler&) {}, {.fd = second->fd});
    std::vector<ClientSocket> clients;
    for (int i = 0; i < 200; ++i) clients.emplace_back(first->port);
    EXPECT_TRUE(eventually([&] { return one.counters.opened + two.counters.opened == 200; }));
    EXPECT_GT(one.counters.opened, 20);
    EXPECT_GT(two.counters.opened, 20);
}

TEST(BindListener, NamesThePortInUse) {
    for (bool shared : {false, true}) {
        auto first = bind_listener("127.0.0.1", 0, shared, true);
        ASSERT_TRUE(first);
        auto second = bind_listener("127.0.0.1", first->port, shared, true);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Errc::address_unavailable);
        EXPECT_EQ(second.error().message,
                  "cannot listen on 127.0.0.1:" + std::to_string(first->port) + ": Address already in use");
        ::close(first->fd);
    }
}

TEST(BindListener, NamesTheHostThatCannotBeUsed) {
    auto unknown = bind_listener("no-such-host.invalid", 80, false, true);
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().message.find("no-such-host.invalid:80"), std::string::npos);
    auto foreign = bind_listener("192.0.2.1", 0, false, true);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().message, "cannot listen on 192.0.2.1:0: Cannot assign requested address");
}

TEST(BindListener, AcceptsNamesAndTheWildcard) {
    for (const char* host : {"localhost", ""}) {
        auto listener = bind_listener(host, 0, false, true);
        ASSERT_TRUE(listener) << host;
        EXPECT_TRUE(ClientSocket(listener->port).connected());
        ::close(listener->fd);
    }
}

TEST(Loop, CreateReportsThatDescriptorsAreShort) {
    const test::TlsCertificate certificate;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    // UBSan opens a pipe at the first virtual call of a type: now, while there are descriptors.
    ASSERT_TRUE(load_tls_files(*with_tls(certificate).tls));
    bool created = false;
    for (rlim_t spare = 0; spare < 30 && !created; ++spare) {
        auto listener = bind_listener("127.0.0.1", 0, false, true);
        ASSERT_TRUE(listener);
        rlimit low = before;
        low.rlim_cur = static_cast<rlim_t>(listener->fd) + 1 + spare;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
        ListenConfig config = with_tls(certificate);
        config.fd = listener->fd;
        auto loop = Loop::create(std::move(config), [](Socket&) { return nullptr; });
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        created = loop.ok();
        if (!created) {
            EXPECT_FALSE(loop.error().message.empty());
        }
    }
    EXPECT_TRUE(created);
}

TEST(Loop, PausesAcceptingWithoutDescriptorsAndSaysSoOnce) {
    auto logger = std::make_shared<RecordingLogger>();
    ListenConfig config;
    config.logger = logger;
    LoopThread server([](TestHandler&) {}, std::move(config));
    // UBSan opens a pipe at the first virtual call of a type: now, while there are descriptors.
    static_cast<ILogger&>(*logger).log(LogLevel::info, "test", "begin");
    ASSERT_EQ(logger->count(), 1u);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    std::promise<void> go_on;
    ASSERT_TRUE(server.loop->post([&] { go_on.get_future().wait(); }));
    ClientSocket client(server.port);  // waits in the backlog
    ASSERT_TRUE(client.connected());

    const int lowest_free = ::dup(client.fd());
    ::close(lowest_free);
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(lowest_free);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    go_on.set_value();
    EXPECT_TRUE(eventually([&] { return logger->count() > 1; }));
    std::this_thread::sleep_for(300ms);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

    client.send("x");
    EXPECT_EQ(client.receive(1), "x");
    EXPECT_EQ(logger->count(), 2u);
    EXPECT_EQ(logger->lines.back(), "not accepting connections for now: Too many open files connections=0");
}

}  // namespace
}  // namespace cryo::transport
