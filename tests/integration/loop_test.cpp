#include <csignal>

#include <sys/resource.h>
#include <unistd.h>

#include "integration/transport_fixture.h"
#include "transport/watch.h"

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

/// What loops do whatever they wait in.
struct LoopKind {
    const char* name;
    bool tls;
    std::chrono::microseconds spin;
};

class EveryLoop : public testing::TestWithParam<LoopKind> {
protected:
    static ListenConfig config() {
        static const test::TlsCertificate certificate;
        ListenConfig config = GetParam().tls ? with_tls(certificate) : ListenConfig{};
        config.spin = GetParam().spin;
        return config;
    }
    static LoopThread::Prepare nothing() {
        return [](TestHandler&) {};
    }
};

INSTANTIATE_TEST_SUITE_P(, EveryLoop,
                         testing::Values(LoopKind{"Plain", false, 0us}, LoopKind{"Tls", true, 0us},
                                         LoopKind{"PlainSpinning", false, 2000us},
                                         LoopKind{"TlsSpinning", true, 2000us}),
                         [](const auto& kind) { return kind.param.name; });

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

TEST_P(EveryLoop, PostAfterTheEndIsRefusedAndTheTaskDestroyed) {
    LoopThread server(nothing(), config());
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

TEST_P(EveryLoop, KeepsTheOrderOfEachPostingThread) {
    constexpr int kThreads = 4;
    constexpr int kTasks = 5000;
    LoopThread server(nothing(), config());
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

TEST_P(EveryLoop, ThreadsMayPostWhileItStops) {
    for (int round = 0; round < 20; ++round) {
        LoopThread server(nothing(), config());
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

TEST_P(EveryLoop, MayBeStoppedBeforeItRunsOrNeverRun) {
    for (int i = 0; i < 20; ++i) {
        auto listener = bind_listener("127.0.0.1", 0, false, true);
        ASSERT_TRUE(listener);
        auto of = config();
        of.fd = listener->fd;
        auto loop = Loop::create(std::move(of), [](Socket&) { return nullptr; });
        ASSERT_TRUE(loop);
        if (i % 2 == 0) {
            (*loop)->stop();
            (*loop)->run();
        }
    }
}

TEST_P(EveryLoop, FiresTimersOnTime) {
    struct Probe {
        void on_timeout() noexcept { fired.set_value(Clock::now()); }
        std::promise<Clock::time_point> fired;
        MemberTimer<Probe, &Probe::on_timeout> timer{*this};
    } probe;
    LoopThread server(nothing(), config());
    const auto started = Clock::now();
    server.on_loop([&] { server.loop->timers().start(probe.timer, 100ms); });
    const auto elapsed = probe.fired.get_future().get() - started;
    EXPECT_GE(elapsed, 100ms);
    EXPECT_LT(elapsed, 100ms + 5 * TimerWheel::kSlotWidth);  // two slots, and slack for a busy machine
}

std::chrono::nanoseconds cpu_time(LoopThread& server) {
    return server.on_loop([] {
        timespec time{};
        EXPECT_EQ(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    });
}

TEST_P(EveryLoop, SleepsWhileThereIsNothingToDo) {
    LoopThread server(nothing(), config());
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    ::close(pipe[0]);  // the other end is in error from now on
    std::unique_ptr<DescriptorWatch> resting;
    server.on_loop([&] {
        auto made = Watch::create(*server.loop, pipe[1], {}, [](DescriptorWatch::Events) { ADD_FAILURE(); });
        ASSERT_TRUE(made) << made.error().message;
        resting = std::move(*made);
    });
    const auto before = cpu_time(server);
    std::this_thread::sleep_for(200ms);
    EXPECT_LT(cpu_time(server) - before, 50ms);
    server.on_loop([&] { resting.reset(); });
    ::close(pipe[1]);
}

TEST_P(EveryLoop, TellsOfADescriptorThatIsWatched) {
    LoopThread server(nothing(), config());
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    std::atomic<int> told{0};
    std::unique_ptr<DescriptorWatch> watch;
    server.on_loop([&] {
        auto made = Watch::create(*server.loop, pipe[0], {.readable = true}, [&](DescriptorWatch::Events) {
            char byte;
            told += static_cast<int>(::read(pipe[0], &byte, 1));
        });
        ASSERT_TRUE(made) << made.error().message;
        watch = std::move(*made);
    });
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(::write(pipe[1], "x", 1), 1);
        EXPECT_TRUE(eventually([&] { return told == i; }));
    }
    server.on_loop([&] { watch.reset(); });
    for (const int end : pipe) ::close(end);
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

TEST_P(EveryLoop, CreateReportsThatDescriptorsAreShort) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    // UBSan opens a pipe at the first virtual call of a type: now, while there are descriptors.
    if (const auto first = config(); first.tls) {
        ASSERT_TRUE(load_tls_files(*first.tls));
    }
    bool created = false;
    for (rlim_t spare = 0; spare < 30 && !created; ++spare) {
        auto listener = bind_listener("127.0.0.1", 0, false, true);
        ASSERT_TRUE(listener);
        rlimit low = before;
        low.rlim_cur = static_cast<rlim_t>(listener->fd) + 1 + spare;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
        ListenConfig of = config();
        of.fd = listener->fd;
        auto loop = Loop::create(std::move(of), [](Socket&) { return nullptr; });
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
    std::optional<Held> held(server);
    ClientSocket client(server.port);  // waits in the backlog
    ASSERT_TRUE(client.connected());

    const int lowest_free = ::dup(client.fd());
    ::close(lowest_free);
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(lowest_free);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    held.reset();
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
