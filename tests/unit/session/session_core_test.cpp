#include "session/session_core.h"

#include <gtest/gtest.h>

#include "support/session_core_fixture.h"

namespace cryo::session {
namespace {

using namespace std::chrono_literals;
using test::CoreUnderTest;
using Client = test::CryoClientModel;

/// One error frame under `ack_id`, then a close.
void expect_violation(const CoreUnderTest& t, std::uint32_t ack_id, CloseCode code = CloseCode::client_error) {
    ASSERT_EQ(t.link.sent.size(), 1u);
    EXPECT_EQ(t.sent_frame(0).type, Client::error);
    EXPECT_EQ(t.sent_frame(0).ack_id, ack_id);
    EXPECT_EQ(t.sent_frame(0).text(), "invalid_operation");
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, code);
    EXPECT_FALSE(t.core.is_open());
}

TEST(SessionCore, WithoutCaleOpensWithTheWebSocketPong) {
    CoreUnderTest t;
    t.core.open();
    EXPECT_EQ(t.link.websocket_pings, 1);
    EXPECT_EQ(t.link.opens, 0);
    EXPECT_FALSE(t.core.is_open());
    EXPECT_FALSE(t.send(MessageKind::text, "too early")) << "the Node client would lose it";
    t.core.on_websocket_pong();
    EXPECT_EQ(t.link.opens, 1);
    EXPECT_TRUE(t.core.is_open());
    EXPECT_FALSE(t.core.secure());
    EXPECT_TRUE(t.link.sent.empty());
    t.core.on_websocket_pong();
    EXPECT_EQ(t.link.opens, 1);
}

TEST(SessionCore, WithoutCaleOpensWithTheFirstFrame) {
    CoreUnderTest t;
    t.core.open();
    t.give(Client::utf8data, 0, "hello");
    EXPECT_EQ(t.link.opens, 1);
    ASSERT_EQ(t.link.delivered.size(), 1u);
    EXPECT_EQ(t.link.delivered[0].second, "hello");
}

TEST(SessionCore, WithoutCaleOpensAtTheFirstHeartbeatForWhoAnswersNoWebSocketPings) {
    CoreUnderTest t;
    t.core.open();
    t.core.on_heartbeat(t.now);
    EXPECT_EQ(t.link.opens, 1);
    ASSERT_EQ(t.link.sent.size(), 1u);
    EXPECT_EQ(t.sent_frame(0).text(), "ping");
}

TEST(SessionCore, AnExcusedHeartbeatNeitherClosesNorPingsAgainButReports) {
    CoreUnderTest t;
    t.established();
    t.core.on_heartbeat(t.now);
    t.core.on_heartbeat(t.now, true);
    EXPECT_TRUE(t.link.closes.empty());
    EXPECT_EQ(t.link.sent.size(), 1u) << "one ping is on its way already";
    EXPECT_EQ(t.link.heartbeats.size(), 2u);
    t.core.on_heartbeat(t.now);
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::client_error);
}

TEST(SessionCore, AFirstFrameThatViolatesOpensNothing) {
    CoreUnderTest t;
    t.core.open();
    t.give(std::vector<std::byte>(5));
    EXPECT_EQ(t.link.opens, 0);
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::client_error);
}

TEST(SessionCore, AcksDataUnderItsIdBeforeDelivery) {
    struct Order final : Link {
        std::string log{};
        void send_websocket_ping() override {}
        void send_control(Bytes message) override {
            log += "type" + std::to_string(Client::decode(message).type) + " ";
        }
        void close(CloseCode, std::string_view) override {}
        void opened() override {}
        void received(MessageKind, std::span<std::byte> payload) override { log += as_text(payload); }
        void heartbeat(const HeartbeatStats&) override {}
    } link;
    SessionCore core(link, CoreUnderTest::kId, {});
    core.open();
    auto message = Client::encode(
        {CoreUnderTest::kId.bytes, 9, Client::utf8data, test::CryoClientModel::Buffer(2, std::byte{'x'})});
    core.on_binary(message, {});
    EXPECT_EQ(link.log, "type0 xx");
}

TEST(SessionCore, DeliversTextAndBytesAsTheyCame) {
    CoreUnderTest t;
    t.established();
    const std::string cut("gr\xc3\xbc\0\0", 6);  // what the Node client makes of short non-ASCII text
    t.give(Client::utf8data, 4, cut);
    t.give(Client::binarydata, 5, "\xff\xfe");
    t.give(Client::utf8data, 6, "null");
    t.give(Client::utf8data, 7);
    ASSERT_EQ(t.link.delivered.size(), 4u);
    EXPECT_EQ(t.link.delivered[0], std::pair(MessageKind::text, cut));
    EXPECT_EQ(t.link.delivered[1], std::pair(MessageKind::binary, std::string("\xff\xfe")));
    EXPECT_EQ(t.link.delivered[2].second, "null");
    EXPECT_EQ(t.link.delivered[3].second, "");
    ASSERT_EQ(t.link.sent.size(), 4u);
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_EQ(t.sent_frame(i).type, Client::ack);
        EXPECT_EQ(t.sent_frame(i).ack_id, 4 + i);
        EXPECT_TRUE(t.sent_frame(i).payload.empty());
    }
}

TEST(SessionCore, NumbersItsDataAndPingsFromZero) {
    CoreUnderTest t;
    t.established();
    EXPECT_TRUE(t.send(MessageKind::text, "a"));
    t.core.ping();
    EXPECT_TRUE(t.send(MessageKind::binary, "b"));
    ASSERT_EQ(t.link.sent.size(), 3u);
    const std::uint8_t types[] = {Client::utf8data, Client::ping_pong, Client::binarydata};
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(t.sent_frame(i).ack_id, i);
        EXPECT_EQ(t.sent_frame(i).type, types[i]);
        EXPECT_EQ(t.sent_frame(i).sid, t.id.bytes);
    }
}

TEST(SessionCore, SendsNothingBeforeItIsOpen) {
    CoreUnderTest t;
    EXPECT_FALSE(t.send(MessageKind::text, "a"));
    t.core.ping();
    t.core.on_heartbeat(t.now);
    EXPECT_TRUE(t.link.sent.empty());
    EXPECT_TRUE(t.link.heartbeats.empty());
}

TEST(SessionCore, MeasuresRoundTripsByAcks) {
    CoreUnderTest t;
    t.established();
    t.send(MessageKind::text, "a");
    EXPECT_EQ(t.core.pending_acks(), 1u);
    t.now += 30ms;
    t.give(Client::ack, 0);
    EXPECT_EQ(t.core.rtt(), 30ms);
    EXPECT_EQ(t.core.pending_acks(), 0u);
    t.give(Client::ack, 77);
    EXPECT_TRUE(t.link.closes.empty()) << "acks of unknown ids are ignored";
}

// -- violations ------------------------------------------------------------------------------------------------------

TEST(SessionCore, RefusesShortFrames) {
    for (std::size_t size = 0; size < 21; ++size) {
        CoreUnderTest t;
        t.established();
        t.give(std::vector<std::byte>(size));
        expect_violation(t, 0);
    }
}

TEST(SessionCore, RefusesUnknownTypes) {
    CoreUnderTest t;
    t.established();
    t.give(static_cast<Client::Type>(8), 3);
    expect_violation(t, 3);
}

TEST(SessionCore, RefusesForeignSessionIds) {
    CoreUnderTest t;
    t.established();
    auto foreign = t.id.bytes;
    foreign[15] ^= std::byte{1};
    t.give(Client::encode({foreign, 11, Client::utf8data, {}}));
    expect_violation(t, 11);
    EXPECT_TRUE(t.link.delivered.empty());
}

TEST(SessionCore, RefusesTextMessages) {
    CoreUnderTest t;
    t.established();
    t.core.on_text();
    expect_violation(t, 0);
}

TEST(SessionCore, RefusesInvalidUtf8) {
    CoreUnderTest t;
    t.established();
    t.give(Client::utf8data, 2, "\xc3\x28");
    expect_violation(t, 2);
    EXPECT_TRUE(t.link.delivered.empty());
}

TEST(SessionCore, AnswersCaleWithAMismatchWhenItHasNone) {
    for (const auto type : {Client::client_hello, Client::handshake_done, Client::server_hello}) {
        CoreUnderTest t;
        t.established();
        t.give(type, 0, std::string(65, 4));
        EXPECT_TRUE(t.link.sent.empty());
        ASSERT_EQ(t.link.closes.size(), 1u);
        EXPECT_EQ(t.link.closes[0].code, CloseCode::cale_mismatch);
    }
}

TEST(SessionCore, IgnoresEverythingAfterItClosed) {
    CoreUnderTest t;
    t.established();
    t.core.on_text();
    t.forget_sent();
    t.give(Client::utf8data, 0, "late");
    t.give(Client::ping_pong, 0, "ping");
    t.give(std::vector<std::byte>(3));
    t.core.on_text();
    t.core.on_heartbeat(t.now);
    t.core.on_websocket_pong();
    t.core.on_cale_timeout();
    t.core.ping();
    EXPECT_TRUE(t.link.sent.empty());
    EXPECT_TRUE(t.link.delivered.empty());
    EXPECT_TRUE(t.link.heartbeats.empty());
    EXPECT_EQ(t.link.closes.size(), 1u);
}

TEST(SessionCore, EncodesWhatWasQueuedWhileTheLinkCloses) {
    CoreUnderTest t;
    t.established();
    t.core.on_closing();
    t.give(Client::utf8data, 0, "late");
    EXPECT_TRUE(t.link.delivered.empty());
    EXPECT_TRUE(t.send(MessageKind::text, "flushed"));
    EXPECT_TRUE(t.link.closes.empty());
}

TEST(SessionCore, IgnoresErrorFramesOfTheClient) {
    CoreUnderTest t;
    t.established();
    t.give(Client::error, 0, "error");
    EXPECT_TRUE(t.link.sent.empty());
    EXPECT_TRUE(t.core.is_open());
}

// -- ping, pong, heartbeat -------------------------------------------------------------------------------------------

TEST(SessionCore, AnswersPingWithPongUnderTheSameId) {
    CoreUnderTest t;
    t.established();
    t.give(Client::ping_pong, 42, "ping");
    ASSERT_EQ(t.link.sent.size(), 1u);
    EXPECT_EQ(t.sent_frame(0).type, Client::ping_pong);
    EXPECT_EQ(t.sent_frame(0).text(), "pong");
    EXPECT_EQ(t.sent_frame(0).ack_id, 42u);
}

TEST(SessionCore, NeverLoopsWithAClientThatAnswersPongWithPing) {
    CoreUnderTest t;
    t.established();
    for (int i = 0; i < 8; ++i) t.client.send_ping();
    t.exchange(1000);
    EXPECT_EQ(t.link.sent.size(), 8u);
    EXPECT_TRUE(t.to_server.empty());
}

TEST(SessionCore, NeverAnswersAPong) {
    CoreUnderTest t;
    t.established();
    t.give(Client::ping_pong, 0, "pong");
    t.give(Client::ping_pong, 0, "neither");
    t.give(Client::ping_pong, 0);
    EXPECT_TRUE(t.link.sent.empty());
    EXPECT_TRUE(t.core.is_open());
}

TEST(SessionCore, HeartbeatPingsAndReports) {
    CoreUnderTest t;
    t.established();
    t.send(MessageKind::text, "12345");
    t.exchange();
    t.client.send_text("123");
    t.exchange();
    t.forget_sent();
    t.core.on_heartbeat(t.now);
    ASSERT_EQ(t.link.sent.size(), 1u);
    EXPECT_EQ(t.sent_frame(0).text(), "ping");
    ASSERT_EQ(t.link.heartbeats.size(), 1u);
    EXPECT_EQ(t.link.heartbeats[0].rtt, 0us);
    EXPECT_EQ(t.link.heartbeats[0].bytes_tx, 5u);
    EXPECT_EQ(t.link.heartbeats[0].bytes_rx, 3u);
    EXPECT_EQ(t.link.heartbeats[0].ack_timeouts, 0u);

    t.exchange();
    t.core.on_heartbeat(t.now);
    ASSERT_EQ(t.link.heartbeats.size(), 2u);
    EXPECT_EQ(t.link.heartbeats[1].bytes_tx, 0u) << "since the heartbeat before";
    EXPECT_EQ(t.link.heartbeats[1].bytes_rx, 0u);
}

TEST(SessionCore, ClosesAtTheSecondHeartbeatWithoutAPong) {
    CoreUnderTest t;
    t.established();
    t.core.on_heartbeat(t.now);
    t.core.on_heartbeat(t.now + 15s);
    ASSERT_EQ(t.link.closes.size(), 1u);
    EXPECT_EQ(t.link.closes[0].code, CloseCode::client_error);
    EXPECT_EQ(t.link.heartbeats.size(), 1u);
}

TEST(SessionCore, StaysWithAClientThatAnswersPings) {
    CoreUnderTest t;
    t.established();
    for (int i = 0; i < 50; ++i) {
        t.core.on_heartbeat(t.now += 15s);
        t.exchange();
    }
    EXPECT_TRUE(t.link.closes.empty());
    EXPECT_EQ(t.link.heartbeats.size(), 50u);
    EXPECT_EQ(t.link.sent.size(), 50u) << "one ping each, and no answer to the pongs";
}

TEST(SessionCore, APingOfTheApplicationMayGoUnanswered) {
    CoreUnderTest t;
    t.client.answers_pings = false;
    t.established();
    t.core.ping();
    t.core.on_heartbeat(t.now);
    EXPECT_TRUE(t.link.closes.empty());
}

TEST(SessionCore, ReportsAckTimeoutsAtTheNextHeartbeat) {
    CoreUnderTest t;
    t.client.acknowledges = false;
    t.established();
    for (int i = 0; i < 3; ++i) t.send(MessageKind::text, "a");
    t.now += 1s;
    t.send(MessageKind::text, "b");
    t.core.on_heartbeat(t.now += 1500ms);
    t.exchange();
    t.core.on_heartbeat(t.now += 15s);
    ASSERT_EQ(t.link.heartbeats.size(), 2u);
    EXPECT_EQ(t.link.heartbeats[0].ack_timeouts, 3u);
    EXPECT_EQ(t.link.heartbeats[1].ack_timeouts, 1u);
    EXPECT_EQ(t.core.ack_timeouts(), 4u);
    EXPECT_EQ(t.core.rtt(), std::nullopt);
}

}  // namespace
}  // namespace cryo::session
