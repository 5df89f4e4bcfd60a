// CALE, the protocol's own encryption, against a server on a real socket.

#include <string>
#include <string_view>
#include <vector>

#include "integration/session_fixture.h"
#include "support/hex.h"

namespace cryo::test {
namespace {

using Model = CryoClientModel;

ServerOptions cale_options() {
    auto options = TestServer::quick_options();
    options.use_cale = true;
    return options;
}

struct CaleServer : CryoServer {
    explicit CaleServer(ServerOptions options = cale_options(), Setup setup = echo)
        : CryoServer(std::move(options), std::move(setup)) {
        start();
    }
};

TEST(CaleSession, EncryptsBothDirections) {
    CaleServer server;
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    EXPECT_EQ(client->echo("under seal"), "under seal");
    (*client)->send_binary(as_bytes("bytes"));
    EXPECT_EQ(client->next_binary(), "bytes");
    EXPECT_TRUE(server.next_session()->secure());
}

TEST(CaleSession, SendsItsHelloOnlyAfterTheWebSocketPong) {
    CaleServer server;
    const auto client = connect(server, {.answers_websocket_pings = false});
    ASSERT_TRUE(client->until([&] { return client->websocket_pings == 1; }));
    EXPECT_EQ(client->opcodes, "P");
    EXPECT_FALSE(client->socket().readable(50ms));
    client->send_websocket(kPong, "");
    ASSERT_TRUE(client->secured());
    const auto& hello = (*client)->received.at(0);
    EXPECT_EQ(hello.type, Model::server_hello);
    EXPECT_EQ(hello.ack_id, 0U);
    EXPECT_EQ(hello.payload.size(), 65U);
    EXPECT_EQ(client->opcodes, "PBB");
}

TEST(CaleSession, IsAnnouncedOnlyWhenSecure) {
    CaleServer server;
    const auto waiting = connect(server, {.answers_websocket_pings = false});
    ASSERT_TRUE(waiting->until([&] { return waiting->websocket_pings == 1; }));
    const auto secure = connect(server);
    ASSERT_TRUE(secure->secured());
    EXPECT_EQ(secure->echo("x"), "x");
    EXPECT_EQ(server->session_count(), 1U);
    EXPECT_EQ(server->find(id_of(waiting->sid())), nullptr);
    EXPECT_NE(server->find(id_of(secure->sid())), nullptr);
    EXPECT_EQ(server.opened.size(), 1U);
    // Its sid is taken all the same.
    EXPECT_EQ(connect(server, {.sid = waiting->sid()})->status(), 401);
}

TEST(CaleSession, WhatTheServerSendsWhenASessionOpensComesEncrypted) {
    CaleServer server(cale_options(), [](Session& session) { session.send_utf8("welcome"); });
    const auto client = connect(server);
    EXPECT_EQ(client->next_text(), "welcome");
    EXPECT_TRUE((*client)->secure());
}

TEST(CaleSession, TwoThousandEchoesAndTheClientsGuessIsNeverWrong) {
    CaleServer server;
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    constexpr int kMessages = 2000, kInFlight = 50;
    int sent = 0;
    for (int i = 0; i < kMessages; ++i) {
        while (sent < kMessages && sent < i + kInFlight) (*client)->send_text("message " + std::to_string(sent++));
        ASSERT_EQ(client->next_text(), "message " + std::to_string(i));
    }
    EXPECT_EQ((*client)->misread, 0U);
}

TEST(CaleSession, RefusesBadPublicKeysWith4011) {
    CaleServer server;
    Model::Buffer off_curve(65, std::byte{1});
    off_curve[0] = std::byte{4};
    Model::Buffer infinity(65);
    const Model::Buffer keys[] = {{},        Model::Buffer(64), Model::Buffer(66), Model::Buffer(33, std::byte{2}),
                                  off_curve, infinity};
    for (const auto& key : keys) {
        const auto client = connect(server, {.answers_websocket_pings = false});
        ASSERT_TRUE(client->until([&] { return client->websocket_pings == 1; }));
        // In place of the model's own hello.
        client->send_websocket(kPong, "");
        (*client)->send_frame(Model::client_hello, 0, key);
        const auto error = client->next(Model::error);
        EXPECT_EQ(client->close_code(), 4011) << key.size();
        ASSERT_TRUE(error);
        EXPECT_EQ(error->text(), "invalid_operation");
    }
    EXPECT_EQ(server->stats().sessions, 0U);
    EXPECT_EQ(server.opened.size(), 0U);
}

TEST(CaleSession, ClosesWith4011WhenTheHandshakeTakesTooLong) {
    auto options = cale_options();
    options.cale_handshake_timeout = 100ms;
    CaleServer server(std::move(options));
    const auto silent = connect(server, {.answers_websocket_pings = false});
    EXPECT_EQ(silent->close_code(), 4011);
    const auto quick = connect(server);
    EXPECT_TRUE(quick->secured());
}

TEST(CaleSession, DataBeforeTheHandshakeIsAViolation) {
    CaleServer server;
    const auto client = connect(server, {.answers_websocket_pings = false});
    (*client)->send_text("too early");
    const auto error = client->next(Model::error);
    EXPECT_EQ(client->close_code(), 4001);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->text(), "invalid_operation");
    EXPECT_EQ(server.opened.size(), 0U);
}

TEST(CaleSession, PlainFrameOnASecureSessionClosesWith4001) {
    CaleServer server;
    const auto bystander = connect(server);
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    ASSERT_TRUE(bystander->secured());
    ASSERT_EQ(client->echo("fine"), "fine");
    client->send_message(Model::encode({client->sid(), 9, Model::utf8data, to_buffer("in the clear")}));
    const auto error = client->next(Model::error);
    EXPECT_EQ(client->close_code(), 4001);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->text(), "invalid_operation");
    EXPECT_EQ(server.next_end().code, 4001);
    EXPECT_EQ(bystander->echo("unharmed"), "unharmed");
}

TEST(CaleSession, TamperedMessageClosesWith4001) {
    CaleServer server;
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    auto message = (*client)->prepare({client->sid(), 3, Model::utf8data, to_buffer("text")});
    message.back() ^= std::byte{1};
    client->send_message(message);
    EXPECT_EQ(client->close_code(), 4001);
}

TEST(CaleSession, ReplayedMessageClosesWith4001) {
    CaleServer server;
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    const auto message = (*client)->prepare({client->sid(), 3, Model::utf8data, to_buffer("once")});
    client->send_message(message);
    EXPECT_EQ(client->next_text(), "once");
    client->send_message(message);
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ((*client)->texts.size(), 1U);
}

TEST(CaleSession, MessagesMayArriveOutOfOrder) {
    CaleServer server;
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    std::vector<Model::Buffer> messages;
    for (std::uint32_t i = 0; i < 20; ++i) {
        messages.push_back((*client)->prepare({client->sid(), 100 + i, Model::utf8data, to_buffer(std::to_string(i))}));
    }
    for (auto message = messages.rbegin(); message != messages.rend(); ++message) client->send_message(*message);
    for (int i = 19; i >= 0; --i) ASSERT_EQ(client->next_text(), std::to_string(i));
}

TEST(CaleSession, ClientHelloToAServerWithoutCaleClosesWith4010) {
    CryoServer server;
    server.start();
    const auto client = connect(server);
    (*client)->send_frame(Model::client_hello, 0, (*client)->public_key());
    EXPECT_EQ(client->close_code(), 4010);
}

TEST(CaleSession, ServerWithoutCaleAnnouncesAtOnceAndInTheClear) {
    CryoServer server;
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    EXPECT_FALSE(server.next_session()->secure());
    EXPECT_EQ(client->echo("plain"), "plain");
    EXPECT_FALSE((*client)->secure());
}

TEST(CaleSession, HeartbeatsAndPingsAreEncryptedToo) {
    auto options = cale_options();
    options.keepalive_interval = 100ms;
    CaleServer server(std::move(options));
    const auto client = connect(server);
    ASSERT_TRUE(client->secured());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client->next(Model::ping_pong)->text(), "ping");
    (*client)->answers_pings = false;
    EXPECT_EQ(client->close_code(), 4001);
}

}  // namespace
}  // namespace cryo::test
