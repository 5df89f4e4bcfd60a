// Extensions in a running server: order, changes, vetoes, coming and going under traffic.

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"
#include "integration/test_extension.h"

namespace cryo::test {
namespace {

using Model = CryoClientModel;

TestExtension::Hook append(std::string suffix) {
    return [suffix = std::move(suffix)](HookContext&, Message& message) {
        if (message.kind() == MessageKind::text) message.utf8() += suffix;
        return Verdict::proceed;
    };
}

void add(CryoServer& server, const std::shared_ptr<IExtension>& extension) {
    const auto result = server->register_extension(extension);
    ASSERT_TRUE(result) << result.error().message;
}

TEST(Extensions, HooksRunInTheOrderOfRegistrationAndMayChangeMessages) {
    CryoServer server;
    add(server, std::make_shared<TestExtension>("one", append("<1"), append(">1")));
    server.start();
    add(server, std::make_shared<TestExtension>("two", append("<2"), append(">2")));
    const auto client = connect(server);
    EXPECT_EQ(client->echo("x"), "x<1<2>1>2");
}

TEST(Extensions, SeeBinaryMessagesInTheirOwnHooks) {
    CryoServer server;
    add(server, std::make_shared<TestExtension>("reverse", [](HookContext&, Message& message) {
            EXPECT_EQ(message.kind(), MessageKind::binary);
            std::ranges::reverse(message.binary());
            return Verdict::proceed;
        }));
    server.start();
    const auto client = connect(server);
    (*client)->send_binary(as_bytes("abc"));
    EXPECT_EQ(client->next_binary(), "cba");
}

TEST(Extensions, TheFirstVetoEndsTheChain) {
    const auto later = std::make_shared<TestExtension>("later");
    std::atomic<int> vetoed{0};
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        echo(session);
        session.on_dropped([&](Session&, const DroppedMessage& message) {
            EXPECT_EQ(message.reason, DropReason::vetoed);
            ++vetoed;
        });
    });
    add(server,
        std::make_shared<TestExtension>(
            "guard", [](HookContext&, Message& m) { return m.utf8() == "in" ? Verdict::drop : Verdict::proceed; },
            [](HookContext&, Message& m) { return m.utf8() == "out" ? Verdict::drop : Verdict::proceed; }));
    add(server, later);
    server.start();
    const auto client = connect(server);
    (*client)->send_text("in");
    (*client)->send_text("out");
    EXPECT_EQ(client->echo("fine"), "fine");
    EXPECT_EQ((*client)->texts.size(), 1U);
    EXPECT_EQ(vetoed, 2);
    EXPECT_EQ(later->hooks, 3U);  // "out" on its way in, "fine" both ways
    EXPECT_EQ(server->stats().dropped_messages, 2U);
}

TEST(Extensions, SendTellsTheVeto) {
    Inbox<SendStatus> statuses;
    CryoServer server(TestServer::quick_options(), [&](Session& session) { statuses.push(session.send_utf8("x")); });
    add(server, std::make_shared<TestExtension>("veto", nullptr, [](HookContext&, Message&) { return Verdict::drop; }));
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    EXPECT_EQ(statuses.next(), SendStatus::dropped);
}

TEST(Extensions, ThatThrowAreTakenAsProceedAndCounted) {
    CryoServer server;
    add(server, std::make_shared<TestExtension>(
                    "broken", [](HookContext&, Message&) -> Verdict { throw std::runtime_error("bug"); }));
    add(server, std::make_shared<TestExtension>("after", append("!")));
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->echo("x"), "x!");
    EXPECT_EQ(client->echo("y"), "y!");
    EXPECT_EQ(server->stats().handler_exceptions, 2U);
}

TEST(Extensions, CannotRegisterOthersFromTheirOwnRegistration) {
    CryoServer server;
    auto outer = std::make_shared<TestExtension>("outer");
    outer->registering = [&] { return server->register_extension(std::make_shared<TestExtension>("inner")); };
    const auto result = server->register_extension(outer);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::wrong_state);
}

TEST(Extensions, CannotJoinAServerThatHasStopped) {
    CryoServer server;
    server.start();
    server->stop();
    server->wait();
    const auto result = server->register_extension(std::make_shared<TestExtension>("late"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::wrong_state);
}

TEST(Extensions, OpenAndClosedAreBalanced) {
    const auto extension = std::make_shared<TestExtension>("counter");
    const auto latecomer = std::make_shared<TestExtension>("latecomer");
    CryoServer server;
    add(server, extension);
    server.start();
    std::vector<std::shared_ptr<CryoClient>> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(connect(server));
        ASSERT_EQ(clients.back()->status(), 101);
        server.next_session();
    }
    add(server, latecomer);  // it does not know of the sessions so far
    EXPECT_EQ(extension->opens, 10);
    clients[0]->send_close(1000);
    clients[1]->socket().reset();
    clients[2]->send_websocket(kText, "violation");
    for (int i = 0; i < 3; ++i) server.next_end();
    EXPECT_TRUE(eventually([&] { return extension->closes == 3; }));
    server.destroy();
    EXPECT_EQ(extension->closes, 10);
    EXPECT_EQ(extension->unregistered, 1);
    EXPECT_EQ(latecomer->opens, 0);
    EXPECT_EQ(latecomer->closes, 0);
}

TEST(Extensions, OpenAndClosedAreBalancedWhenAHookEndsTheSession) {
    const auto extension = std::make_shared<TestExtension>("bouncer");
    extension->opening = [](Session& session) { session.destroy(); };
    const auto pool = std::make_shared<WorkerPool>(1);
    CryoServer server(TestServer::quick_options(), echo, make_blocking_validator(pool, [](const std::string&) {
                          return std::optional<Identity>(Identity{});
                      }));
    add(server, extension);
    server.start();
    EXPECT_EQ(connect(server)->close_code(), 0);
    EXPECT_TRUE(eventually([&] { return extension->closes == 1; }));
    EXPECT_EQ(extension->opens, 1);
}

TEST(Extensions, ErrorOfOnRegisterKeepsItOut) {
    const auto extension = std::make_shared<TestExtension>("unready");
    extension->registering = [] { return Result<>(Error{Errc::not_found, "not today"}); };
    CryoServer server;
    server.start();
    const auto result = server->register_extension(extension);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), (Error{Errc::not_found, "not today"}));
    extension->registering = []() -> Result<> { throw std::runtime_error("bug"); };
    const auto thrown = server->register_extension(extension);
    ASSERT_FALSE(thrown);
    EXPECT_EQ(thrown.error().code, Errc::user_code);
    EXPECT_EQ(connect(server)->echo("x"), "x");
    EXPECT_EQ(extension->hooks, 0U);
    EXPECT_EQ(extension->unregistered, 0);
}

TEST(Extensions, NamesAreUnique) {
    CryoServer server;
    add(server, std::make_shared<TestExtension>("name"));
    const auto second = std::make_shared<TestExtension>("name");
    const auto result = server->register_extension(second);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::duplicate);
    EXPECT_NE(result.error().message.find("\"name\""), std::string::npos);
    EXPECT_EQ(second->registered, 0);
    EXPECT_EQ(server->register_extension(nullptr).error().code, Errc::invalid_argument);
    EXPECT_EQ(server->unregister_extension("other").error().code, Errc::not_found);
    ASSERT_TRUE(server->unregister_extension("name"));
    add(server, second);
}

TEST(Extensions, CannotBeChangedOnALoop) {
    CryoServer server;
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    on_loop(*session, [&] {
        EXPECT_EQ(server->register_extension(std::make_shared<TestExtension>("x")).error().code, Errc::wrong_state);
        EXPECT_EQ(server->unregister_extension("x").error().code, Errc::wrong_state);
    });
}

TEST(Extensions, ComeAndGoWhileTrafficFlowsOnTwoThreads) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    CryoServer server(std::move(options));
    server.start();
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            const auto client = connect(server);
            for (int n = 0; !done; ++n) ASSERT_EQ(client->echo(std::to_string(n)), std::to_string(n));
        });
    }
    for (int i = 0; i < 100; ++i) {
        const auto extension = std::make_shared<TestExtension>("visitor");
        add(server, extension);
        ASSERT_TRUE(eventually([&] { return extension->hooks > 0; }));
        ASSERT_TRUE(server->unregister_extension("visitor"));
        // Nothing of it runs any more, and nothing ever will.
        ASSERT_EQ(extension->running, 0);
        ASSERT_EQ(extension.use_count(), 1);
    }
    done = true;
    for (auto& thread : threads) thread.join();
}

TEST(Extensions, UnregisteringLetsADeferredMessageGoOn) {
    Inbox<std::shared_ptr<Deferred>> held;
    CryoServer server;
    add(server, std::make_shared<TestExtension>("hold", [&](HookContext& context, Message&) {
            held.push(std::make_shared<Deferred>(context.defer()));
            return Verdict::defer;
        }));
    server.start();
    const auto client = connect(server);
    (*client)->send_text("a");
    (*client)->send_text("b");
    const auto decision = held.next().value();
    ASSERT_TRUE(server->unregister_extension("hold"));
    (*client)->send_text("c");
    decision->proceed();
    for (const auto* text : {"a", "b", "c"}) EXPECT_EQ(client->next_text(), text);
}

}  // namespace
}  // namespace cryo::test
