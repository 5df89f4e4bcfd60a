// A session as the application sees it: events, sending from everywhere, closing, its own state.

#include <atomic>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"

namespace cryo::test {
namespace {

using Model = CryoClientModel;

/// A session and its client.
struct Pair {
    explicit Pair(CryoServer& server, CryoClient::Options options = {}) : client(connect(server, std::move(options))) {
        EXPECT_EQ(client->status(), 101);
        session = server.next_session();
    }
    std::shared_ptr<CryoClient> client;
    SessionPtr session;
};

TEST(SessionClose, ByTheServerTellsCodeAndReasonOnce) {
    CryoServer server;
    server.start();
    Pair pair(server);
    pair.session->close(CloseCode::server_error, "broken");
    EXPECT_EQ(pair.client->close_code(), 4002);
    EXPECT_EQ(pair.client->close_reason(), "broken");
    EXPECT_FALSE(pair.client->pump());
    EXPECT_EQ(server.next_end(), (Ended{4002, "broken", false}));
    pair.session->close();
    pair.session->destroy();
    EXPECT_FALSE(pair.session->is_open());
    EXPECT_EQ(pair.session->send_utf8("late"), SendStatus::closed);
    server.destroy();
    EXPECT_EQ(server.closed.size(), 0U);
}

TEST(SessionClose, ByTheClientTellsCodeAndReason) {
    CryoServer server;
    server.start();
    Pair pair(server);
    pair.client->send_close(1000, "done");
    EXPECT_EQ(pair.client->close_code(), 1000);
    EXPECT_EQ(server.next_end(), (Ended{1000, "done", true}));
}

TEST(SessionClose, WithoutAFarewellIs1006) {
    CryoServer server;
    server.start();
    Pair pair(server);
    pair.client->socket().close();
    EXPECT_EQ(server.next_end().code, 1006);
}

TEST(SessionClose, FlushesWhatWasSentBefore) {
    CryoServer server(TestServer::quick_options(), [](Session& session) {
        for (int i = 0; i < 500; ++i) session.send_utf8(std::string(1000, 'x') + std::to_string(i));
        session.close(CloseCode::graceful, "that was all");
        EXPECT_EQ(session.send_utf8("too late"), SendStatus::closed);
    });
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->close_code(), 4000);
    ASSERT_EQ((*client)->texts.size(), 500U);
    EXPECT_EQ((*client)->texts.back(), std::string(1000, 'x') + "499");
}

TEST(SessionClose, FromAnotherThreadComesBehindWhatThatThreadSent) {
    CryoServer server;
    server.start();
    Pair pair(server);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pair.session->send_utf8("x"), SendStatus::queued);
    pair.session->close();
    EXPECT_EQ(pair.client->close_code(), 4000);
    EXPECT_EQ((*pair.client)->texts.size(), 100U);
}

TEST(SessionClose, OfAClientThatDoesNotAnswerEndsAfterTheTimeout) {
    CryoServer server;
    server.start();
    Pair pair(server, {.answers_close = false});
    pair.session->close(CloseCode::graceful, "bye");
    EXPECT_EQ(server.next_end(), (Ended{4000, "bye", false}));
    EXPECT_TRUE(pair.client->socket().closed_by_peer());
}

TEST(SessionDestroy, CutsTheConnection) {
    CryoServer server;
    server.start();
    Pair pair(server);
    pair.session->destroy();
    EXPECT_EQ(server.next_end().code, 1006);
    EXPECT_EQ(pair.client->close_code(), 0);
    EXPECT_EQ(server->find(pair.session->id()), nullptr);
}

TEST(SessionDestroy, WithinTheSessionHandlerStillTellsTheEnd) {
    CryoServer server(TestServer::quick_options(), [](Session& session) { session.destroy(); });
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->close_code(), 0);
    EXPECT_EQ(server.next_end().code, 1006);
}

TEST(SessionDestroy, WithinTheSessionHandlerAfterALateVerdictTellsTheEndToo) {
    // The session then opens in a task of its own, not while its socket is read.
    const auto pool = std::make_shared<WorkerPool>(1);
    CryoServer server(
        TestServer::quick_options(), [](Session& session) { session.destroy(); },
        make_blocking_validator(pool, [](const std::string&) { return std::optional<Identity>(Identity{}); }));
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->close_code(), 0);
    EXPECT_EQ(server.next_end().code, 1006);
}

TEST(SessionDestroy, WithinAMessageHandlerDeliversNothingMore) {
    std::atomic<int> seen{0};
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.on_message_utf8([&](Session& self, std::string_view) {
            ++seen;
            self.destroy();
        });
    });
    server.start();
    const auto client = connect(server);
    for (int i = 0; i < 10; ++i) (*client)->send_text("x");
    EXPECT_EQ(server.next_end().code, 1006);
    EXPECT_EQ(seen, 1);
}

// -- sending ---------------------------------------------------------------------------------------------------------

TEST(SessionSend, FromManyThreadsKeepsTheOrderOfEach) {
    CryoServer server;
    server.start();
    Pair pair(server);
    constexpr int kThreads = 8, kEach = 200;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                EXPECT_EQ(pair.session->send_utf8(std::to_string(t) + ' ' + std::to_string(i)), SendStatus::queued);
            }
        });
    }
    std::map<std::string, int> expected;
    for (int i = 0; i < kThreads * kEach; ++i) {
        const auto text = pair.client->next_text();
        ASSERT_TRUE(text);
        const auto thread = text->substr(0, text->find(' '));
        ASSERT_EQ(text->substr(thread.size() + 1), std::to_string(expected[thread]++));
    }
    for (auto& thread : threads) thread.join();
}

TEST(SessionSend, KeepsTheOrderOfCallsThatHappenOneAfterTheOther) {
    CryoServer server;
    server.start();
    Pair pair(server);
    // Two threads and the loop take turns: each sends after the one before has returned.
    constexpr int kRounds = 300;
    for (int i = 0; i < kRounds; i += 3) {
        pair.session->send_utf8(std::to_string(i));
        std::thread([&] { pair.session->send_utf8(std::to_string(i + 1)); }).join();
        on_loop(*pair.session, [&] { return pair.session->send_utf8(std::to_string(i + 2)); });
    }
    for (int i = 0; i < kRounds; ++i) ASSERT_EQ(pair.client->next_text(), std::to_string(i));
}

TEST(SessionSend, OnTheLoopGoesBehindWhatOtherThreadsSentBefore) {
    CryoServer server;
    server.start();
    Pair pair(server);
    on_loop(*pair.session, [&] {
        std::thread([&] { pair.session->send_utf8("first"); }).join();
        return pair.session->send_utf8("second");
    });
    EXPECT_EQ(pair.client->next_text(), "first");
    EXPECT_EQ(pair.client->next_text(), "second");
}

TEST(SessionSend, RefusesInvalidUtf8) {
    CryoServer server;
    server.start();
    Pair pair(server);
    EXPECT_EQ(pair.session->send_utf8("\xff"), SendStatus::dropped);
    EXPECT_EQ(pair.session->send_utf8("fine"), SendStatus::queued);
    EXPECT_EQ(pair.client->next_text(), "fine");
}

TEST(SessionSend, OnePreparedMessageServesManySessions) {
    auto options = TestServer::quick_options();
    options.threads = 2;
    CryoServer server(std::move(options));
    server.start();
    std::vector<Pair> pairs;
    for (int i = 0; i < 8; ++i) pairs.emplace_back(server);
    const auto text = PreparedMessage::text("to all");
    const auto binary = PreparedMessage::binary(as_bytes("bytes"));
    for (auto& pair : pairs) pair.session->send(text);
    for (auto& pair : pairs) pair.session->send(binary);
    for (auto& pair : pairs) {
        EXPECT_EQ(pair.client->next_text(), "to all");
        EXPECT_EQ(pair.client->next_binary(), "bytes");
    }
}

TEST(SessionHandle, OutlivesTheConnectionAndTheServer) {
    SessionPtr session;
    {
        CryoServer server;
        server.start();
        Pair pair(server);
        session = pair.session;
        session->set("kept", std::string("value"));
        pair.client->socket().close();
        ASSERT_EQ(server.next_end().code, 1006);
        EXPECT_EQ(session->send_utf8("x"), SendStatus::closed);
    }
    EXPECT_FALSE(session->is_open());
    EXPECT_EQ(session->send_utf8("x"), SendStatus::closed);
    EXPECT_EQ(session->send_binary(as_bytes("x")), SendStatus::closed);
    EXPECT_EQ(session->send(PreparedMessage::text("x")), SendStatus::closed);
    EXPECT_FALSE(session->post([] { FAIL() << "there is no loop"; }));
    session->close();
    session->destroy();
    session->ping();
    session->pause_reading();
    session->resume_reading();
    EXPECT_EQ(session->token(), "secret");
    EXPECT_EQ(session->remote_address(), "127.0.0.1");
    EXPECT_EQ(session->query("none"), std::nullopt);
    EXPECT_EQ(*session->get<std::string>("kept"), "value");
    EXPECT_EQ(session->stats().connection.unsent_bytes, 0U);
}

TEST(SessionStore, KeepsTypedValuesByName) {
    CryoServer server(TestServer::quick_options(), [](Session& session) {
        session.set("count", 0);
        session.set("name", std::string("ann"));
        session.on_message_utf8([](Session& self, std::string_view) {
            EXPECT_EQ(self.get<long>("count"), nullptr);
            EXPECT_EQ(self.get<int>("absent"), nullptr);
            const int count = ++*self.get<int>("count");
            self.send_utf8(*self.get<std::string>("name") + std::to_string(count));
            self.set("name", std::string("bob"));
        });
    });
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->echo("x"), "ann1");
    EXPECT_EQ(client->echo("x"), "bob2");
}

TEST(SessionReading, PausesAndResumes) {
    std::atomic<int> seen{0};
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.on_message_utf8([&](Session& self, std::string_view text) {
            ++seen;
            if (text == "pause") self.pause_reading();
            self.send_utf8(text);
        });
    });
    server.start();
    Pair pair(server);
    (*pair.client)->send_text("pause");
    for (int i = 0; i < 100; ++i) (*pair.client)->send_text(std::to_string(i));
    ASSERT_EQ(pair.client->next_text(), "pause");
    // Several turns of the loop later none of what followed was delivered.
    for (int i = 0; i < 5; ++i) on_loop(*pair.session, [] {});
    EXPECT_EQ(seen, 1);
    pair.session->resume_reading();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(pair.client->next_text(), std::to_string(i));
}

// -- handlers --------------------------------------------------------------------------------------------------------

TEST(SessionHandlers, ThatThrowCloseWith4002) {
    CryoServer server(TestServer::quick_options(), [](Session& session) {
        session.on_message_utf8([](Session&, std::string_view) { throw std::runtime_error("bug"); });
        session.on_message_binary([](Session&, Bytes) { throw 42; });
    });
    server.start();
    Pair text(server);
    Pair binary(server);
    (*text.client)->send_text("x");
    (*text.client)->send_text("not seen");
    EXPECT_EQ(text.client->close_code(), 4002);
    (*binary.client)->send_binary(as_bytes("x"));
    EXPECT_EQ(binary.client->close_code(), 4002);
    EXPECT_EQ(server.next_end().code, 4002);
    EXPECT_EQ(server.next_end().code, 4002);
    EXPECT_EQ(server->stats().handler_exceptions, 2U);
}

TEST(SessionHandlers, SessionHandlerThatThrowsClosesWith4002) {
    CryoServer server(TestServer::quick_options(), [](Session&) { throw std::runtime_error("bug"); });
    server.start();
    EXPECT_EQ(connect(server)->close_code(), 4002);
    EXPECT_EQ(server.next_end().code, 4002);
}

TEST(SessionHandlers, OthersThatThrowAreCountedOnly) {
    CryoServer server(TestServer::quick_options(), [](Session& session) {
        session.on_closed([](Session&, const CloseEvent&) { throw std::runtime_error("bug"); });
    });
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    client->send_close(1000);
    EXPECT_EQ(client->close_code(), 1000);
    EXPECT_TRUE(eventually([&] { return server->stats().handler_exceptions == 1; }));
}

TEST(SessionHandlers, MayReplaceThemselves) {
    CryoServer server(TestServer::quick_options(), [](Session& session) {
        const std::string captured(100, 'c');
        session.on_message_utf8([captured](Session& self, std::string_view text) {
            self.on_message_utf8(
                [](Session& again, std::string_view second) { again.send_utf8("second " + std::string(second)); });
            self.send_utf8("first " + std::string(text) + std::to_string(captured.size()));
        });
    });
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->echo("a"), "first a100");
    EXPECT_EQ(client->echo("b"), "second b");
    EXPECT_EQ(client->echo("c"), "second c");
}

TEST(SessionHandlers, MessagesWithoutAHandlerAreAcknowledgedAndForgotten) {
    CryoServer server(TestServer::quick_options(), [](Session&) {});
    server.start();
    const auto client = connect(server);
    (*client)->send_text("x");
    EXPECT_TRUE(client->next(Model::ack));
    EXPECT_EQ(server->session_count(), 1U);
}

TEST(SessionHandlers, AreReleasedWithTheSession) {
    const auto token = std::make_shared<int>(1);
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.on_message_utf8([token](Session&, std::string_view) {});
        session.on_drain([token](Session&) {});
    });
    server.start();
    Pair pair(server);
    EXPECT_GT(token.use_count(), 1);
    pair.client->send_close(1000);
    EXPECT_TRUE(eventually([&] { return token.use_count() == 1; }));
}

TEST(SessionEvents, AHandlerMayTakeItselfAway) {
    std::atomic<int> heard{0};
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.on_message_utf8([&](Session& self, std::string_view) {
            ++heard;
            self.on_message_utf8(nullptr);
            self.send_utf8("once");
        });
    });
    server.start();
    const auto client = connect(server);
    EXPECT_EQ(client->echo("one"), "once");
    (*client)->send_text("two");
    const auto session = server.next_session();
    EXPECT_TRUE(eventually(
        [&] { return on_loop(*session, [&] { return session->stats().connection.messages_received; }) >= 2; }));
    EXPECT_EQ(heard, 1);
}

}  // namespace
}  // namespace cryo::test
