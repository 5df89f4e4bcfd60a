// Who gets a Cryo session: the opening request, its refusals, and validators of every temper.

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"

namespace cryo::test {
namespace {

using Options = CryoClient::Options;

/// A validator that is one function.
class FunctionValidator final : public ITokenValidator {
public:
    using Function = std::function<void(const AuthRequest&, AuthReply)>;
    explicit FunctionValidator(Function function) : function_(std::move(function)) {}
    void validate(const AuthRequest& request, AuthReply reply) override { function_(request, std::move(reply)); }

private:
    Function function_;
};

struct ValidatedServer : CryoServer {
    explicit ValidatedServer(FunctionValidator::Function function, ServerOptions options = TestServer::quick_options())
        : CryoServer(std::move(options), echo, std::make_shared<FunctionValidator>(std::move(function))) {
        start();
    }
};

const std::string kSid = "0b4de2a4-5b5f-4a39-8bd9-6b8f9d8a0001";

// -- the opening request ---------------------------------------------------------------------------------------------

TEST(Opening, TakesTheTokenFromTheQuery) {
    CryoServer server;
    server.start();
    EXPECT_EQ(connect(server)->status(), 101);
}

TEST(Opening, TakesTheTokenFromTheHeader) {
    CryoServer server;
    server.start();
    const auto client =
        connect(server, {.headers = "authorization: bearer secret\r\n", .target = "/?x-cryo-sid=" + kSid});
    EXPECT_EQ(client->status(), 101);
    EXPECT_EQ(server.next_session()->token(), "secret");
}

TEST(Opening, QueryWinsOverHeader) {
    CryoServer server;
    server.start();
    EXPECT_EQ(connect(server, {.headers = "Authorization: Bearer wrong\r\n"})->status(), 101);
    EXPECT_EQ(connect(server, {.token = "wrong", .headers = "Authorization: Bearer secret\r\n"})->status(), 401);
}

TEST(Opening, RefusesWith401AndAPlainBody) {
    CryoServer server;
    server.start();
    const std::string token = "authorization=Bearer%20secret";
    const std::pair<std::string, std::string> cases[] = {
        {"/?x-cryo-sid=" + kSid, "no token"},
        {"/?authorization=&x-cryo-sid=" + kSid, "no token"},
        {"/?authorization=secret&x-cryo-sid=" + kSid, "the token is not a Bearer token"},
        {"/?authorization=Basic%20secret&x-cryo-sid=" + kSid, "the token is not a Bearer token"},
        {"/?authorization=Bearer&x-cryo-sid=" + kSid, "the token is not a Bearer token"},
        {"/?authorization=Bearer%20&x-cryo-sid=" + kSid, "the token is not a Bearer token"},
        {"/?authorization=Bearersecret&x-cryo-sid=" + kSid, "the token is not a Bearer token"},
        {"/?" + token, "no x-cryo-sid"},
        {"/?" + token + "&x-cryo-sid=", "x-cryo-sid is not a UUID"},
        {"/?" + token + "&x-cryo-sid=" + kSid.substr(1), "x-cryo-sid is not a UUID"},
        {"/?" + token + "&x-cryo-sid=" + kSid + "0", "x-cryo-sid is not a UUID"},
        {"/?" + token + "&x-cryo-sid=g" + kSid.substr(1), "x-cryo-sid is not a UUID"},
        {"/?authorization=Bearer%20wrong&x-cryo-sid=" + kSid, "the token was refused"},
    };
    for (const auto& [target, body] : cases) {
        const auto client = connect(server, {.target = target});
        EXPECT_EQ(client->status(), 401) << target;
        EXPECT_EQ(client->body(), body + "\n") << target;
        EXPECT_NE(client->head().find("Content-Type: text/plain"), std::string::npos);
        EXPECT_NE(client->head().find("WWW-Authenticate: Bearer\r\n"), std::string::npos);
    }
    EXPECT_EQ(server->stats().refused_upgrades, std::size(cases));
    EXPECT_EQ(server->stats().sessions, 0U);
}

TEST(Opening, RefusesASidInUseAndLeavesItsSessionAlone) {
    CryoServer server;
    server.start();
    const auto first = connect(server);
    ASSERT_EQ(first->status(), 101);
    const auto second = connect(server, {.sid = first->sid()});
    EXPECT_EQ(second->status(), 401);
    EXPECT_EQ(second->body(), "the session is already connected\n");
    EXPECT_EQ(first->echo("still here"), "still here");
}

TEST(Opening, TheSecondOfTwoPendingVerdictsOnOneSidIsRefused) {
    Inbox<std::shared_ptr<AuthReply>> pending;
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); });
    const Sid sid = fresh_sid();
    const auto first = connect(server, {.sid = sid});
    const auto second = connect(server, {.sid = sid});
    const auto reply_a = pending.next().value();
    const auto reply_b = pending.next().value();
    reply_a->accept();
    reply_b->accept();
    const int a = first->status();
    const int b = second->status();
    EXPECT_EQ(a + b, 101 + 401);
    EXPECT_EQ((a == 101 ? first : second)->echo("one"), "one");
}

TEST(Opening, TheApplicationSeesItsOwnParametersAndNotTheProtocols) {
    CryoServer server;
    server.start();
    const auto client =
        connect(server, {.path = "/rooms/a%20b", .query = "&room=lobby%20one&empty=&%61uthorization=x"});
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    EXPECT_EQ(session->path(), "/rooms/a b");
    EXPECT_EQ(session->query("room"), "lobby one");
    EXPECT_EQ(session->query("empty"), "");
    EXPECT_EQ(session->query("absent"), std::nullopt);
    EXPECT_EQ(session->query("authorization"), std::nullopt);
    EXPECT_EQ(session->query("x-cryo-sid"), std::nullopt);
    EXPECT_EQ(session->id().to_string(), to_text(client->sid()));
    EXPECT_EQ(session->remote_address(), "127.0.0.1");
}

TEST(Opening, AMessageRightBehindTheRequestIsNotLost) {
    CryoServer server;
    server.start();
    const auto client = connect(server);
    (*client)->send_text("early");
    EXPECT_EQ(client->next_text(), "early");
}

// -- reconnecting ----------------------------------------------------------------------------------------------------

TEST(Reconnect, TheSidIsFreeAtOnceAfterTheClientCloses) {
    CryoServer server;
    server.start();
    const Sid sid = fresh_sid();
    for (int i = 0; i < 200; ++i) {
        CryoClient client(server.port(), {.sid = sid, .answers_close = false});
        ASSERT_EQ(client.status(), 101) << "connection " << i;
        client.send_close(4000);
        ASSERT_EQ(client.close_code(), 4000);
    }
    for (int i = 0; i < 200; ++i) ASSERT_EQ(server.next_end(), (Ended{4000, "", true}));
}

TEST(Reconnect, TheSidIsFreeAtOnceAfterTheServerCloses) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    CryoServer server(std::move(options), [](Session& session) {
        session.on_message_utf8([](Session& self, std::string_view) { self.close(CloseCode::graceful, "again"); });
    });
    server.start();
    const Sid sid = fresh_sid();
    std::vector<std::shared_ptr<CryoClient>> old;
    for (int i = 0; i < 200; ++i) {
        // The old connection stays half-open: the client does its part of the closing handshake later.
        old.push_back(connect(server, {.sid = sid, .answers_close = false}));
        ASSERT_EQ(old.back()->status(), 101) << "connection " << i;
        (*old.back())->send_text("bye");
        ASSERT_EQ(old.back()->close_code(), 4000);
        ASSERT_EQ(old.back()->close_reason(), "again");
    }
    for (auto& client : old) client->send_close(4000);
    for (int i = 0; i < 200; ++i) ASSERT_EQ(server.next_end(), (Ended{4000, "again", false}));
}

TEST(Reconnect, TheSidIsFreeAfterTheConnectionBroke) {
    CryoServer server;
    server.start();
    const Sid sid = fresh_sid();
    for (int i = 0; i < 20; ++i) {
        CryoClient client(server.port(), {.sid = sid});
        ASSERT_EQ(client.status(), 101);
        ASSERT_NE(server.next_session(), nullptr);
        client.socket().reset();
        ASSERT_EQ(server.next_end().code, 1006);
    }
}

// -- validators ------------------------------------------------------------------------------------------------------

TEST(Validator, SeesWhatTheClientPresents) {
    Inbox<std::string> seen;
    ValidatedServer server([&](const AuthRequest& request, AuthReply reply) {
        seen.push(std::string(request.token) + ' ' + request.session_id.to_string() + ' ' +
                  std::string(request.http.path) + ' ' + std::string(request.http.header("Origin")) + ' ' +
                  request.http.query("room").value_or("") + ' ' + std::string(request.http.remote_address));
        reply.accept();
    });
    const auto client =
        connect(server, {.token = "a.b.c", .path = "/p", .query = "&room=1", .headers = "Origin: http://x\r\n"});
    EXPECT_EQ(client->status(), 101);
    EXPECT_EQ(seen.next(), "a.b.c " + to_text(client->sid()) + " /p http://x 1 127.0.0.1");
}

TEST(Validator, IdentityAndTokenStayOnTheSession) {
    ValidatedServer server(
        [](const AuthRequest&, AuthReply reply) { reply.accept({.user = "ann", .claims = R"({"role":"admin"})"}); });
    const auto client = connect(server, {.token = "t0ken"});
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    EXPECT_EQ(session->identity(), (Identity{"ann", R"({"role":"admin"})"}));
    EXPECT_EQ(session->token(), "t0ken");
}

TEST(Validator, MayAnswerLaterFromAnotherThread) {
    std::vector<std::thread> threads;
    std::mutex mutex;
    ValidatedServer server([&](const AuthRequest& request, AuthReply reply) {
        const std::lock_guard lock(mutex);
        threads.emplace_back([good = request.token == "secret", reply = std::move(reply)]() mutable {
            if (good) return reply.accept({.user = "late"});
            reply.refuse();
        });
    });
    const auto good = connect(server);
    const auto bad = connect(server, {.token = "wrong"});
    EXPECT_EQ(good->status(), 101);
    EXPECT_EQ(good->echo("hi"), "hi");
    EXPECT_EQ(server.next_session()->identity().user, "late");
    EXPECT_EQ(bad->status(), 401);
    for (auto& thread : threads) thread.join();
}

TEST(Validator, MessagesSentBeforeALateVerdictArrive) {
    Inbox<std::shared_ptr<AuthReply>> pending;
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); });
    const auto client = connect(server);
    for (int i = 0; i < 100; ++i) (*client)->send_text(std::to_string(i));
    (*pending.next())->accept();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(client->next_text(), std::to_string(i));
}

TEST(Validator, OnlyTheFirstAnswerCounts) {
    ValidatedServer server([](const AuthRequest& request, AuthReply reply) {
        if (request.token == "yes") {
            reply.accept({.user = "first"});
            reply.refuse();
            reply.accept({.user = "second"});
        } else {
            reply.refuse();
            reply.accept();
        }
    });
    const auto yes = connect(server, {.token = "yes"});
    const auto no = connect(server, {.token = "no"});
    EXPECT_EQ(yes->status(), 101);
    EXPECT_EQ(yes->echo("x"), "x");
    EXPECT_EQ(server.next_session()->identity().user, "first");
    EXPECT_EQ(no->status(), 401);
}

TEST(Validator, ThatNeverAnswersRefusesAfterTheTimeout) {
    auto options = TestServer::quick_options();
    options.auth_timeout = 100ms;
    Inbox<std::shared_ptr<AuthReply>> pending;
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); },
        std::move(options));
    const auto client = connect(server);
    EXPECT_EQ(client->status(), 401);
    EXPECT_EQ(client->body(), "no verdict on the token in time\n");
    (*pending.next())->accept();  // too late
    EXPECT_EQ(server->stats().upgrades, 0U);
}

TEST(Validator, ThatDropsTheReplyRefuses) {
    ValidatedServer server([](const AuthRequest&, AuthReply) {});
    EXPECT_EQ(connect(server)->status(), 401);
}

TEST(Validator, ThatThrowsRefusesAndIsCounted) {
    Inbox<Error> errors;
    CryoServer server(TestServer::quick_options(), echo,
                      std::make_shared<FunctionValidator>(
                          [](const AuthRequest&, AuthReply) { throw std::runtime_error("no database"); }));
    server->on_error([&](const Error& error) { errors.push(error); });
    server.start();
    EXPECT_EQ(connect(server)->status(), 401);
    const auto error = errors.next().value();
    EXPECT_EQ(error.code, Errc::user_code);
    EXPECT_NE(error.message.find("no database"), std::string::npos);
    EXPECT_EQ(server->stats().handler_exceptions, 1U);
}

TEST(Validator, PeerMayGoAwayWhileItThinks) {
    Inbox<std::shared_ptr<AuthReply>> pending;
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); });
    const Sid sid = fresh_sid();
    for (int i = 0; i < 20; ++i) {
        auto client = connect(server, {.sid = sid});
        const auto reply = pending.next().value();
        client.reset();
        if (i % 2 == 0) {
            ASSERT_TRUE(eventually([&] { return server->stats().connections == 0; }));
        }
        reply->accept();
    }
    ASSERT_TRUE(eventually([&] { return server->stats().connections == 0; }));
    EXPECT_EQ(server->stats().sessions, 0U);
    const auto client = connect(server, {.sid = sid});
    (*pending.next())->accept();
    EXPECT_EQ(client->status(), 101);
}

TEST(Validator, BlockingOneRunsOnItsPool) {
    const auto pool = std::make_shared<WorkerPool>(2, 8);
    const auto tester = std::this_thread::get_id();
    CryoServer server(TestServer::quick_options(), echo,
                      make_blocking_validator(pool, [&](const std::string& token) -> std::optional<Identity> {
                          EXPECT_NE(std::this_thread::get_id(), tester);
                          if (token == "throw") throw std::runtime_error("refused");
                          if (token != "secret") return std::nullopt;
                          return Identity{.user = "from the pool"};
                      }));
    server.start();
    const auto good = connect(server);
    EXPECT_EQ(good->status(), 101);
    EXPECT_EQ(server.next_session()->identity().user, "from the pool");
    EXPECT_EQ(connect(server, {.token = "wrong"})->status(), 401);
    EXPECT_EQ(connect(server, {.token = "throw"})->status(), 401);
}

TEST(Validator, PoolWithoutRoomRefuses) {
    const auto pool = std::make_shared<WorkerPool>(1, 1);
    std::promise<void> release;
    const auto released = release.get_future().share();
    CryoServer server(TestServer::quick_options(), echo, make_blocking_validator(pool, [&](const std::string&) {
                          released.wait();
                          return std::optional<Identity>(Identity{});
                      }));
    server.start();
    std::vector<std::shared_ptr<CryoClient>> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(connect(server));
    // One is being checked, one waits; the others are refused.
    ASSERT_TRUE(eventually([&] { return server->stats().refused_upgrades >= 2; }));
    release.set_value();
    int accepted = 0;
    for (auto& client : clients) accepted += client->status() == 101 ? 1 : 0;
    EXPECT_GE(accepted, 1);
    EXPECT_LE(accepted, 2);
}

TEST(Validator, VerdictAfterTheServerBeganToStopIs503) {
    Inbox<std::shared_ptr<AuthReply>> pending;
    auto options = TestServer::quick_options();
    options.drain_timeout = 20s;  // ended by the answer
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); },
        std::move(options));
    const auto client = connect(server);
    const auto reply = pending.next().value();
    server->stop();
    ASSERT_TRUE(eventually([&] { return connect(server)->status() == 503; }));
    reply->accept();
    EXPECT_EQ(client->status(), 503);
    server->wait();
}

TEST(Validator, VerdictMayComeAfterTheServerIsGone) {
    Inbox<std::shared_ptr<AuthReply>> pending;
    ValidatedServer server(
        [&](const AuthRequest&, AuthReply reply) { pending.push(std::make_shared<AuthReply>(std::move(reply))); });
    const auto client = connect(server);
    const auto reply = pending.next().value();
    server.destroy();
    reply->accept();
    EXPECT_EQ(client->status(), 0);
}

TEST(Validator, NoneMeansNoSessions) {
    TestServer server(TestServer::quick_options(), nullptr);
    server.start();
    CryoClient client(server.port());
    EXPECT_EQ(client.status(), 404);
}

}  // namespace
}  // namespace cryo::test
