#include <gtest/gtest.h>

#include "session/session_core.h"
#include "support/session_core_fixture.h"

namespace cryo::session {
namespace {

using namespace std::chrono_literals;
using test::CoreUnderTest;
using Client = test::CryoClientModel;

void expect_handshake_failure(const CoreUnderTest& t) {
    ASSERT_FALSE(t.link.sent.empty());
    const auto last = Client::decode(t.link.sent.back());
    EXPECT_EQ(last.type, Client::error);
    EXPECT_EQ(last.text(), "invalid_operation");
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::cale_handshake);
    EXPECT_EQ(t.link.opens, 0);
}

/// Up to the server_hello.
CoreUnderTest& greeted(CoreUnderTest& t) {
    t.core.open();
    t.core.on_websocket_pong();
    return t;
}

std::string key_text(CoreUnderTest& t) { return std::string(as_text(t.client.public_key())); }

TEST(SessionCoreCale, HelloWaitsForTheWebSocketPong) {
    CoreUnderTest t(true);
    t.core.open();
    EXPECT_EQ(t.link.websocket_pings, 1);
    EXPECT_TRUE(t.link.sent.empty());
    EXPECT_EQ(t.link.opens, 0);
    t.core.on_websocket_pong();
    ASSERT_EQ(t.link.sent.size(), 1u);
    const auto hello = t.sent_frame(0);
    EXPECT_EQ(hello.type, Client::server_hello);
    EXPECT_EQ(hello.ack_id, 0u);
    EXPECT_EQ(hello.payload.size(), 65u);
    t.core.on_websocket_pong();
    EXPECT_EQ(t.link.sent.size(), 1u) << "once";
}

TEST(SessionCoreCale, IsAnnouncedOnceTheClientIsDone) {
    CoreUnderTest t(true);
    greeted(t);
    t.client.on_message(t.link.sent[0]);  // answers with its hello
    EXPECT_FALSE(t.send(MessageKind::text, "too early"));
    t.deliver_to_server();
    EXPECT_EQ(t.link.opens, 0);
    EXPECT_FALSE(t.core.secure());
    EXPECT_FALSE(t.send(MessageKind::text, "too early"));
    ASSERT_EQ(t.link.sent.size(), 2u);
    EXPECT_EQ(t.sent_frame(1).type, Client::handshake_done);
    EXPECT_EQ(t.sent_frame(1).text(), "null");
    t.client.on_message(t.link.sent[1]);
    t.deliver_to_server();
    EXPECT_EQ(t.link.opens, 1);
    EXPECT_TRUE(t.core.secure());
    EXPECT_TRUE(t.core.is_open());
}

TEST(SessionCoreCale, NothingButTheHandshakeLeavesBefore) {
    CoreUnderTest t(true);
    greeted(t);
    t.core.ping();
    t.core.on_heartbeat(t.now);
    t.give(Client::ping_pong, 0, "ping");
    t.give(Client::ack, 0);
    EXPECT_EQ(t.link.sent.size(), 1u);
    EXPECT_TRUE(t.link.closes.empty());
    EXPECT_TRUE(t.link.heartbeats.empty());
}

TEST(SessionCoreCale, EncryptsEveryFrameOnceSecure) {
    CoreUnderTest t(true);
    t.established();
    t.send(MessageKind::text, "hello");
    t.client.send_binary(as_bytes("data"));
    t.client.send_ping();
    t.exchange();
    EXPECT_EQ(t.client.texts, std::vector<std::string>{"hello"});
    EXPECT_EQ(t.link.delivered.size(), 1u);
    EXPECT_EQ(t.core.pending_acks(), 0u);
    ASSERT_EQ(t.client.received.size(), 3u) << "text, ack, pong, all authentic";
    EXPECT_EQ(t.client.received[0].ack_id, 1u) << "the server_hello had 0";
    EXPECT_EQ(t.client.misread, 0u);
}

TEST(SessionCoreCale, SizesIncludeIvAndTag) {
    CoreUnderTest plain, secure(true);
    EXPECT_EQ(plain.established().core.encoded_size(10), 31u);
    EXPECT_EQ(secure.established().core.encoded_size(10), 59u);
}

TEST(SessionCoreCale, RefusesDataBeforeTheHandshake) {
    for (const auto type : {Client::utf8data, Client::binarydata}) {
        CoreUnderTest t(true);
        greeted(t);
        t.give(type, 5, "x");
        EXPECT_TRUE(t.link.delivered.empty());
        EXPECT_EQ(t.sent_frame(1).type, Client::error);
        EXPECT_EQ(t.sent_frame(1).ack_id, 5u);
        ASSERT_EQ(t.link.closes.size(), 1u);
        EXPECT_EQ(t.link.closes[0].code, CloseCode::client_error);
    }
}

TEST(SessionCoreCale, RefusesABadPublicKey) {
    for (const std::string& key : {std::string(), std::string(64, 4), std::string(65, 4), std::string(66, 4)}) {
        CoreUnderTest t(true);
        greeted(t);
        t.give(Client::client_hello, 0, key);
        expect_handshake_failure(t);
    }
}

TEST(SessionCoreCale, RefusesHandshakeFramesOutOfOrder) {
    {
        CoreUnderTest t(true);
        t.core.open();
        t.give(Client::client_hello, 0, key_text(t));  // before the server's
        expect_handshake_failure(t);
    }
    for (const auto type : {Client::handshake_done, Client::server_hello}) {
        CoreUnderTest t(true);
        greeted(t);
        t.give(type, 0, "null");
        expect_handshake_failure(t);
    }
}

TEST(SessionCoreCale, RefusesASecondHello) {
    CoreUnderTest t(true);
    greeted(t);
    t.give(Client::client_hello, 0, key_text(t));
    EXPECT_TRUE(t.link.closes.empty());
    t.give(Client::client_hello, 0, key_text(t));
    expect_handshake_failure(t);
}

TEST(SessionCoreCale, RefusesADoneUnderAnotherId) {
    CoreUnderTest t(true);
    greeted(t);
    t.give(Client::client_hello, 3, key_text(t));
    EXPECT_EQ(t.sent_frame(1).ack_id, 3u);
    t.give(Client::handshake_done, 4, "null");
    expect_handshake_failure(t);
}

TEST(SessionCoreCale, RefusesAnotherHandshakeOnceSecure) {
    for (const auto type : {Client::handshake_done, Client::client_hello}) {
        CoreUnderTest t(true);
        t.established();
        t.give(type, 0, "null");
        t.exchange();
        EXPECT_EQ(t.client.received.at(0).type, Client::error);
        ASSERT_EQ(t.link.closes.size(), 1u);
        EXPECT_EQ(t.link.closes[0].code, CloseCode::cale_handshake);
        EXPECT_EQ(t.link.opens, 1);
    }
}

TEST(SessionCoreCale, GivesUpAfterTheHandshakeTimeout) {
    CoreUnderTest t(true);
    greeted(t);
    t.core.on_cale_timeout();
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::cale_handshake);

    CoreUnderTest done(true);
    done.established().core.on_cale_timeout();
    EXPECT_TRUE(done.core.is_open());
}

/// A violation on a secure session: a sealed error frame, then 4001.
void expect_secure_violation(CoreUnderTest& t) {
    t.exchange();
    ASSERT_EQ(t.client.received.size(), 1u);
    EXPECT_EQ(t.client.received[0].type, Client::error);
    EXPECT_EQ(t.client.received[0].text(), "invalid_operation");
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::client_error);
    EXPECT_TRUE(t.link.delivered.empty());
}

TEST(SessionCoreCale, RefusesPlainFramesOnceSecure) {
    for (const auto type : {Client::ack, Client::ping_pong, Client::utf8data, Client::handshake_done}) {
        CoreUnderTest t(true);
        t.established();
        t.give(Client::encode({t.id.bytes, 0, type, {}}));
        expect_secure_violation(t);
    }
}

TEST(SessionCoreCale, RefusesTamperedMessages) {
    CoreUnderTest t(true);
    t.established();
    auto message = t.client.prepare({t.id.bytes, 0, Client::utf8data, {}});
    message.back() ^= std::byte{1};
    t.give(message);
    expect_secure_violation(t);
}

TEST(SessionCoreCale, RefusesReplays) {
    CoreUnderTest t(true);
    t.established();
    const auto message = t.client.prepare({t.id.bytes, 0, Client::ack, {}});
    t.give(message);
    EXPECT_TRUE(t.core.is_open());
    t.give(message);
    expect_secure_violation(t);
}

TEST(SessionCoreCale, RefusesTextMessagesAndMalformedFramesOnceSecure) {
    CoreUnderTest text(true);
    text.established().core.on_text();
    expect_secure_violation(text);

    CoreUnderTest foreign(true);
    foreign.established();
    foreign.give(foreign.client.prepare({{}, 0, Client::utf8data, {}}));
    expect_secure_violation(foreign);

    CoreUnderTest unknown(true);
    unknown.established().give(static_cast<Client::Type>(9), 0);
    expect_secure_violation(unknown);
}

TEST(SessionCoreCale, TakesMessagesThatOvertakeEachOther) {
    CoreUnderTest t(true);
    t.established();
    std::vector<std::vector<std::byte>> messages;
    for (std::uint32_t i = 0; i < 500; ++i)
        messages.push_back(t.client.prepare({t.id.bytes, i, Client::binarydata, {}}));
    for (std::size_t i = messages.size(); i-- > 0;) t.give(messages[i]);
    EXPECT_EQ(t.link.delivered.size(), 500u);
    EXPECT_TRUE(t.core.is_open());
}

}  // namespace
}  // namespace cryo::session
