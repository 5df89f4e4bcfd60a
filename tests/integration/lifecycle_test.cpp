// A server from `create` to its destructor: errors, starting, stopping, draining, threads.

#include <atomic>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"
#include "support/tls_certificate.h"

namespace cryo::test {
namespace {

Error error_of(ServerOptions options) {
    auto server = Server::create(std::move(options), make_validator(TestServer::is_secret));
    return server ? Error{} : server.error();
}

// -- create and start ------------------------------------------------------------------------------------------------

TEST(Create, NamesEveryBadOptionAtOnce) {
    ServerOptions options;
    options.threads = 100'000;
    options.ack_timeout = 0ms;
    options.backpressure.low_water_mark = options.backpressure.high_water_mark + 1;
    options.trusted_proxies = {"nonsense"};
    const Error error = error_of(options);
    EXPECT_EQ(error.code, Errc::invalid_option);
    for (const auto* name : {"threads", "ack_timeout", "low_water_mark", "nonsense"}) {
        EXPECT_NE(error.message.find(name), std::string::npos) << name << " in: " << error.message;
    }
}

TEST(Create, NamesTheTlsFileThatIsWrong) {
    const TlsCertificate certificate, other;
    auto options = TestServer::quick_options();
    options.tls = TlsOptions{.certificate_file = "/nowhere/certificate.pem", .key_file = certificate.key_file()};
    Error error = error_of(options);
    EXPECT_EQ(error.code, Errc::tls_configuration);
    EXPECT_NE(error.message.find("/nowhere/certificate.pem"), std::string::npos);

    options.tls = TlsOptions{.certificate_file = certificate.certificate_file(), .key_file = other.key_file()};
    error = error_of(options);
    EXPECT_EQ(error.code, Errc::tls_configuration);
    EXPECT_NE(error.message.find(other.key_file()), std::string::npos) << error.message;

    options.tls = TlsOptions{.certificate_file = certificate.certificate_file(),
                             .key_file = certificate.key_file(),
                             .client_ca_file = "/nowhere/ca.pem"};
    error = error_of(options);
    EXPECT_EQ(error.code, Errc::tls_configuration);
    EXPECT_NE(error.message.find("/nowhere/ca.pem"), std::string::npos);
}

TEST(Start, NamesThePortThatIsInUse) {
    TestServer first;
    first.start();
    for (const unsigned threads : {1u, 2u}) {
        auto options = TestServer::quick_options();
        options.port = first.port();
        options.threads = threads;
        TestServer second(options);
        const auto started = second->start();
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error().code, Errc::address_unavailable);
        EXPECT_NE(started.error().message.find(std::to_string(first.port())), std::string::npos);
    }
}

TEST(Start, CanBeTriedAgainAfterAFailure) {
    auto blocker = std::make_unique<TestServer>();
    blocker->start();
    auto options = TestServer::quick_options();
    options.port = blocker->port();
    TestServer server(options);
    ASSERT_FALSE(server->run());
    ASSERT_FALSE(server->start());
    blocker.reset();
    ASSERT_TRUE(server->start());
    CryoClient client(server.port());
    EXPECT_EQ(client.status(), 101);
    server->stop();
    server->wait();
}

TEST(Start, WorksOnlyOnce) {
    TestServer server;
    server.start();
    EXPECT_EQ(server->start().error().code, Errc::wrong_state);
    EXPECT_EQ(server->run().error().code, Errc::wrong_state);
    EXPECT_EQ(server->websocket("/late", {}).error().code, Errc::wrong_state);
    EXPECT_EQ(server->http("GET", "/late", [](const HttpRequest&, HttpReply) {}).error().code, Errc::wrong_state);
    server->stop();
    server->wait();
    EXPECT_EQ(server->start().error().code, Errc::wrong_state);
}

TEST(Start, TellsThePort) {
    TestServer server;
    EXPECT_EQ(server.port(), 0);
    std::uint16_t told = 0;
    server->on_listening([&](std::uint16_t port) { told = port; });
    server.start();
    EXPECT_NE(told, 0);
    EXPECT_EQ(told, server.port());
}

// -- stop ------------------------------------------------------------------------------------------------------------

TEST(Stop, BeforeStartEndsTheServerAsSoonAsItStarts) {
    TestServer server;
    server->stop();
    ASSERT_TRUE(server->start());
    server->wait();
    EXPECT_FALSE(ClientSocket(server.port()).connected());
}

TEST(Stop, OfAServerThatNeverStartedIsNothing) {
    TestServer server;
    server->stop();
    server->wait();
}

TEST(Stop, MayBeCalledAgainAndAgain) {
    TestServer server;
    server.start();
    for (int i = 0; i < 3; ++i) server->stop();
    server->wait();
    server->stop();
    server->wait();
}

TEST(Stop, EndsARunOnTheCallersThread) {
    TestServer server;
    Inbox<std::uint16_t> port;
    std::thread::id loop_thread;
    server->on_listening([&](std::uint16_t listening) { port.push(listening); });
    server->on_session([&](const SessionPtr&) { loop_thread = std::this_thread::get_id(); });
    std::thread::id runner_thread;
    std::thread runner([&] {
        runner_thread = std::this_thread::get_id();
        EXPECT_TRUE(server->run());
    });
    CryoClient client(port.next().value());
    EXPECT_EQ(client.status(), 101);
    server->stop();
    EXPECT_EQ(client.close_code(), 4000);
    server->wait();
    runner.join();
    EXPECT_EQ(loop_thread, runner_thread);
}

TEST(Stop, OnListeningMayNotWaitForTheLoopItRunsOn) {
    TestServer server;
    Errc refused{};
    server->on_listening([&](std::uint16_t) {
        refused = server->unregister_extension("none").error().code;
        server->stop();
    });
    EXPECT_TRUE(server->run());
    EXPECT_EQ(refused, Errc::wrong_state);
}

Server* signalled_server = nullptr;

TEST(Stop, WorksInASignalHandler) {
    TestServer server;
    signalled_server = &*server;
    const auto before = std::signal(SIGTERM, [](int) { signalled_server->stop(); });
    server->on_listening([](std::uint16_t) { std::raise(SIGTERM); });
    EXPECT_TRUE(server->run());
    std::signal(SIGTERM, before);
}

TEST(Stop, OnALoopThreadReturnsAtOnce) {
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.on_message_utf8([&](Session&, std::string_view) { server->stop(); });
    });
    server.start();
    const auto client = connect(server);
    (*client)->send_text("stop");
    EXPECT_EQ(client->close_code(), 4000);
    server->wait();
}

TEST(Stop, CanBeWaitedForOnSeveralThreads) {
    TestServer server;
    server.start();
    std::vector<std::thread> waiting;
    for (int i = 0; i < 4; ++i) waiting.emplace_back([&] { server->wait(); });
    server->stop();
    for (auto& thread : waiting) thread.join();
    EXPECT_FALSE(ClientSocket(server.port()).connected());
}

// -- draining --------------------------------------------------------------------------------------------------------

TEST(Drain, ClosesEverySessionWith4000AndSendsWhatIsQueuedFirst) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    options.drain_timeout = 2s;
    CryoServer server(std::move(options));
    server.start();
    constexpr int kSessions = 200;
    std::vector<std::shared_ptr<CryoClient>> clients;
    for (int i = 0; i < kSessions; ++i) {
        clients.push_back(connect(server));
        ASSERT_EQ(clients.back()->status(), 101);
        ASSERT_EQ(server.next_session()->send_utf8("last words"), SendStatus::queued);
    }
    const auto began = std::chrono::steady_clock::now();
    server->stop();
    for (auto& client : clients) {
        ASSERT_EQ(client->close_code(), 4000);
        ASSERT_EQ(client->close_reason(), "server is stopping");
        ASSERT_EQ((*client)->texts, std::vector<std::string>{"last words"});
    }
    server->wait();
    // Not all at once: over the first half of the drain time.
    EXPECT_GE(std::chrono::steady_clock::now() - began, 500ms);
    for (int i = 0; i < kSessions; ++i) EXPECT_EQ(server.next_end(), (Ended{4000, "server is stopping", false}));
    EXPECT_EQ(server->session_count(), 0U);
}

TEST(Drain, RefusesUpgradesWith503Meanwhile) {
    auto options = TestServer::quick_options();
    options.drain_timeout = 20s;
    options.close_timeout = 20s;
    CryoServer server(std::move(options));
    server.start();
    const auto slow = connect(server, {.answers_close = false});
    ASSERT_EQ(slow->status(), 101);
    server->stop();
    ASSERT_EQ(slow->close_code(), 4000);
    EXPECT_EQ(connect(server)->status(), 503);
    EXPECT_EQ(server->stats().sessions, 0U);
    slow->send_close(4000);
    slow->socket().close();
    server->wait();  // its session was all that was waited for
}

TEST(Drain, CutsWhoDoesNotReadAtTheDeadline) {
    auto options = TestServer::quick_options();
    options.drain_timeout = 300ms;
    options.close_timeout = 60s;
    options.backpressure.low_water_mark = 1u << 10;
    options.backpressure.high_water_mark = 64u << 10;
    CryoServer server(std::move(options));
    server.start();
    CryoClient::Options narrow;
    narrow.socket.receive_buffer = 4096;
    const auto client = connect(server, narrow);
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    const std::string text(1000, 'x');
    on_loop(*session, [&] {
        while (session->send_utf8(text) == SendStatus::sent) {
        }
    });
    server->stop();
    server->wait();
    EXPECT_EQ(server.next_end().code, 4000);
    EXPECT_EQ(server->stats().connections, 0U);
}

TEST(Drain, ClosesEndpointsWith1001) {
    CryoServer server;
    EndpointEvents events;
    ASSERT_TRUE(server->websocket("/ws", events.handlers(echo_handlers())));
    server.start();
    WsClient client(server.port(), "/ws");
    ASSERT_TRUE(client.connected());
    ASSERT_TRUE(events.opened.next());
    server->stop();
    EXPECT_EQ(client.next_close(), 1001);
    client.send_close(1001);
    server->wait();
    EXPECT_EQ(events.closed.next()->code, 1001);
}

TEST(Drain, DestructorDoesItToo) {
    auto server = std::make_unique<CryoServer>();
    server->start();
    const auto client = connect(*server);
    ASSERT_EQ(client->status(), 101);
    std::thread destroyer([&] { server->destroy(); });
    EXPECT_EQ(client->close_code(), 4000);
    destroyer.join();
    EXPECT_EQ(server->next_end().code, 4000);
}

// -- several ---------------------------------------------------------------------------------------------------------

TEST(Servers, TwoLiveInOneProcess) {
    CryoServer first, second;
    first.start();
    second.start();
    ASSERT_NE(first.port(), second.port());
    const Sid sid = fresh_sid();
    const auto a = connect(first, {.sid = sid});
    const auto b = connect(second, {.sid = sid});
    EXPECT_EQ(a->echo("a"), "a");
    EXPECT_EQ(b->echo("b"), "b");
    first.destroy();
    EXPECT_EQ(b->echo("still"), "still");
}

class Threads : public testing::TestWithParam<unsigned> {};

TEST_P(Threads, SessionsLiveOnAllLoopsAndAreFoundFromAnywhere) {
    auto options = TestServer::quick_options();
    options.threads = GetParam();
    CryoServer server(std::move(options));
    server.start();
    std::map<std::thread::id, int> loops;
    std::vector<std::shared_ptr<CryoClient>> clients;
    std::vector<SessionPtr> sessions;
    // The kernel spreads connections by a hash: enough of them reach every loop.
    while (loops.size() < GetParam() && clients.size() < 400) {
        clients.push_back(connect(server));
        ASSERT_EQ(clients.back()->status(), 101);
        sessions.push_back(server.next_session());
        ++loops[on_loop(*sessions.back(), [] { return std::this_thread::get_id(); })];
    }
    EXPECT_EQ(loops.size(), GetParam());
    EXPECT_EQ(server->session_count(), sessions.size());
    EXPECT_EQ(server->stats().sessions, sessions.size());
    EXPECT_EQ(server->stats().upgrades, sessions.size());
    EXPECT_EQ(server->stats().connections, sessions.size());
    for (const auto& session : sessions) EXPECT_EQ(server->find(session->id()), session);
    EXPECT_EQ(server->find(SessionId::random()), nullptr);

    Inbox<std::thread::id> visits;
    server->for_each_session([&](Session& session) {
        visits.push(std::this_thread::get_id());
        session.send_utf8("hello, " + session.id().to_string());
    });
    for (auto& client : clients) EXPECT_EQ(client->next_text(), "hello, " + to_text(client->sid()));
    std::map<std::thread::id, int> visited;
    for (std::size_t i = 0; i < sessions.size(); ++i) ++visited[visits.next().value()];
    EXPECT_EQ(visited, loops);

    server->for_each_session([](Session& session) { session.close(CloseCode::graceful, "all out"); });
    for (auto& client : clients) EXPECT_EQ(client->close_code(), 4000);
    EXPECT_TRUE(eventually([&] { return server->session_count() == 0 && server->stats().connections == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Loops, Threads, testing::Values(1u, 2u, 4u));

TEST(ForEachSession, FencesWhatTheVisitorThrows) {
    CryoServer server;
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    ASSERT_NE(server.next_session(), nullptr);
    server->for_each_session([](Session&) { throw 1; });
    EXPECT_TRUE(eventually([&] { return server->stats().handler_exceptions == 1; }));
    EXPECT_EQ(client->echo("x"), "x");
}

TEST(Lifecycle, ConnectionsComeAndGoWhileTheServerStops) {
    for (int round = 0; round < 10; ++round) {
        auto options = TestServer::quick_options();
        options.threads = 2;
        CryoServer server(std::move(options));
        server.start();
        std::atomic<bool> done{false};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                while (!done) {
                    CryoClient client(server.port());
                    if (client.status() != 101) continue;
                    client->send_text("x");
                    client.next_text();
                }
            });
        }
        for (int i = 0; i < 5; ++i) ASSERT_NE(server.next_session(), nullptr);
        server->stop();
        server->wait();
        done = true;
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(server->session_count(), 0U);
        EXPECT_EQ(server->stats().connections, 0U);
    }
}

}  // namespace
}  // namespace cryo::test
