// The Cryo protocol on a real socket: frames, acks, heartbeats, violations.

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"
#include "support/hex.h"

namespace cryo::test {
namespace {

using Model = CryoClientModel;

std::shared_ptr<CryoClient> opened_client(CryoServer& server) {
    auto client = connect(server);
    EXPECT_EQ(client->status(), 101);
    return client;
}

// -- being announced -------------------------------------------------------------------------------------------------

TEST(SessionOpening, IsAnnouncedWithTheAnswerToAWebSocketPing) {
    CryoServer server(TestServer::quick_options(), [](Session& session) { session.send_utf8("welcome"); });
    server.start();
    const auto client = connect(server, {.answers_websocket_pings = false});
    ASSERT_EQ(client->status(), 101);
    EXPECT_EQ(server->session_count(), 0U);
    EXPECT_EQ(server->find(id_of(client->sid())), nullptr);
    client->send_websocket(kPong, "");
    EXPECT_EQ(client->next_text(), "welcome");
    EXPECT_EQ(client->opcodes, "PB");
    EXPECT_EQ(server->session_count(), 1U);
}

TEST(SessionOpening, IsAnnouncedWithTheFirstFrame) {
    CryoServer server;
    server.start();
    const auto client = connect(server, {.answers_websocket_pings = false});
    EXPECT_EQ(client->echo("x"), "x");
}

TEST(SessionOpening, IsAnnouncedAtTheFirstHeartbeatAtLast) {
    auto options = TestServer::quick_options();
    options.keepalive_interval = 100ms;
    CryoServer server(std::move(options), [](Session& session) { session.send_utf8("welcome"); });
    server.start();
    const auto client = connect(server, {.answers_websocket_pings = false});
    EXPECT_EQ(client->next_text(), "welcome");
}

TEST(SessionOpening, EndsUnannouncedWithoutAnEvent) {
    CryoServer server;
    server.start();
    const auto client = connect(server, {.answers_websocket_pings = false});
    ASSERT_EQ(client->status(), 101);
    client->send_close(1000);
    EXPECT_EQ(client->close_code(), 1000);
    const auto next = connect(server, {.sid = client->sid()});
    EXPECT_EQ(next->status(), 101);
    EXPECT_NE(server.next_session(), nullptr);
    EXPECT_EQ(server.closed.size(), 0U);
}

// -- frames ----------------------------------------------------------------------------------------------------------

TEST(SessionFrames, TextComesBackAsTextAndBinaryAsBinary) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    EXPECT_EQ(client->echo("grüße"), "grüße");
    EXPECT_EQ(client->echo(""), "");
    (*client)->send_binary(to_buffer(std::string("\0\xff", 2)));
    EXPECT_EQ(client->next_binary(), std::string("\0\xff", 2));
}

TEST(SessionFrames, AnAbsentPayloadIsTheTextNull) {
    CryoServer server;
    server.start();
    EXPECT_EQ(opened_client(server)->echo("null"), "null");
}

TEST(SessionFrames, CarryTheSidAndAckIdsThatCountFromZero) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    for (std::uint32_t i = 0; i < 5; ++i) {
        (*client)->send_text("x");
        const auto frame = client->next(Model::utf8data);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->ack_id, i);
        EXPECT_EQ(frame->sid, client->sid());
    }
}

TEST(SessionFrames, DataIsAcknowledgedUnderItsIdBeforeTheApplicationSeesIt) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    (*client)->send_frame(Model::utf8data, 4'000'000'000U, as_bytes("x"));
    ASSERT_EQ(client->next_text(), "x");
    ASSERT_EQ((*client)->received.size(), 2U);
    EXPECT_EQ((*client)->received[0].type, Model::ack);
    EXPECT_EQ((*client)->received[0].ack_id, 4'000'000'000U);
    EXPECT_TRUE((*client)->received[0].payload.empty());
    EXPECT_EQ((*client)->received[1].type, Model::utf8data);
}

TEST(SessionFrames, AcksOfUnknownIdsAndErrorFramesAreIgnored) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    (*client)->send_frame(Model::ack, 77, {});
    (*client)->send_frame(Model::error, 78, as_bytes("error"));
    (*client)->send_frame(Model::ping_pong, 79, as_bytes("pong"));
    EXPECT_EQ(client->echo("still open"), "still open");
    ASSERT_EQ((*client)->received.size(), 2U);
}

TEST(SessionFrames, ManyInFlightKeepTheirOrder) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    for (int i = 0; i < 1000; ++i) (*client)->send_text(std::to_string(i));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(client->next_text(), std::to_string(i));
}

TEST(SessionFrames, LargeMessagesArriveWhole) {
    auto options = TestServer::quick_options();
    options.max_message_bytes = (4u << 20) + 21;
    CryoServer server(std::move(options));
    server.start();
    const auto client = opened_client(server);
    const std::string text(4u << 20, 'x');
    EXPECT_EQ(client->echo(text), text);
}

TEST(SessionFrames, MessageOverTheLimitCloses1009) {
    auto options = TestServer::quick_options();
    options.max_message_bytes = 1000;
    CryoServer server(std::move(options));
    server.start();
    const auto bystander = opened_client(server);
    const auto client = opened_client(server);
    EXPECT_EQ(client->echo(std::string(1000 - 21, 'x')), std::string(1000 - 21, 'x'));
    (*client)->send_text(std::string(1001 - 21, 'x'));
    EXPECT_EQ(client->close_code(), 1009);
    EXPECT_EQ(server.next_end().code, 1009);
    EXPECT_EQ(bystander->echo("x"), "x");
}

// -- pings and heartbeats --------------------------------------------------------------------------------------------

TEST(SessionPing, OfTheClientIsAnsweredUnderItsId) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    (*client)->answers_pings = false;
    (*client)->send_frame(Model::ping_pong, 5, as_bytes("ping"));
    const auto pong = client->next(Model::ping_pong);
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->text(), "pong");
    EXPECT_EQ(pong->ack_id, 5U);
}

TEST(SessionPing, LoopsEndWithAClientThatAnswersPongWithPing) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    (*client)->send_ping();
    ASSERT_EQ(client->next(Model::ping_pong)->text(), "pong");  // which the client turned around
    EXPECT_EQ(client->echo("x"), "x");
    EXPECT_EQ(client->echo("y"), "y");
    std::size_t pongs = 0;
    for (const auto& frame : (*client)->received) pongs += frame.type == Model::ping_pong ? 1 : 0;
    EXPECT_LE(pongs, 2U);
}

TEST(SessionPing, OfTheServerIsSentFromAnyThread) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    const auto session = server.next_session();
    session->ping();
    const auto ping = client->next(Model::ping_pong);
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->text(), "ping");
    EXPECT_EQ(ping->ack_id, 0U);
}

ServerOptions beating(std::chrono::milliseconds interval) {
    auto options = TestServer::quick_options();
    options.keepalive_interval = interval;
    return options;
}

TEST(SessionHeartbeat, PingsAndKeepsWhoAnswers) {
    CryoServer server(beating(100ms));
    server.start();
    const auto client = opened_client(server);
    for (int i = 0; i < 5; ++i) ASSERT_EQ(client->next(Model::ping_pong)->text(), "ping");
    EXPECT_EQ(client->echo("alive"), "alive");
}

TEST(SessionHeartbeat, ClosesAtTheSecondHeartbeatWhoDoesNot) {
    CryoServer server(beating(150ms));
    server.start();
    const auto client = opened_client(server);
    (*client)->answers_pings = false;
    EXPECT_EQ(client->close_code(), 4001);
    std::size_t pings = 0;
    for (const auto& frame : (*client)->received) pings += frame.type == Model::ping_pong ? 1 : 0;
    EXPECT_EQ(pings, 1U);
    EXPECT_EQ(server.next_end().code, 4001);
    EXPECT_EQ(server->stats().heartbeat_timeouts, 1U);
    EXPECT_EQ(server->stats().protocol_errors, 0U);
}

TEST(SessionHeartbeat, DoesNotHoldItAgainstTheClientThatWeDidNotRead) {
    CryoServer server(beating(100ms));
    server.start();
    const auto client = opened_client(server);
    const auto session = server.next_session();
    session->pause_reading();
    std::this_thread::sleep_for(500ms);  // several heartbeats go by
    EXPECT_TRUE(session->is_open());
    session->resume_reading();
    EXPECT_EQ(client->echo("alive"), "alive");
}

TEST(SessionHeartbeat, TellsTheStatistics) {
    Inbox<std::pair<std::string, std::uint64_t>> stats;
    CryoServer server(beating(200ms), [&](Session& session) {
        echo(session);
        session.on_stat_rtt([&](Session&, std::chrono::microseconds rtt) {
            stats.push({"rtt", static_cast<std::uint64_t>(rtt.count())});
        });
        session.on_stat_bytes_rx([&](Session&, std::uint64_t count) { stats.push({"rx", count}); });
        session.on_stat_bytes_tx([&](Session&, std::uint64_t count) { stats.push({"tx", count}); });
        session.on_stat_ack_timeout([&](Session&, std::uint64_t count) { stats.push({"ack_timeout", count}); });
    });
    server.start();
    const auto client = opened_client(server);
    ASSERT_EQ(client->echo("12345"), "12345");
    std::uint64_t rx = 0, tx = 0;
    for (bool rtt_seen = false; !rtt_seen || rx == 0 || tx == 0;) {
        ASSERT_TRUE(client->next(Model::ping_pong));
        ASSERT_TRUE(eventually([&] { return stats.size() >= 3; }));
        while (stats.size() > 0) {
            const auto [what, value] = *stats.next();
            if (what == "rtt") rtt_seen = true;
            if (what == "rx") rx += value;
            if (what == "tx") tx += value;
            if (what == "ack_timeout") {
                EXPECT_EQ(value, 0U);
            }
        }
    }
    EXPECT_EQ(rx, 5U);
    EXPECT_EQ(tx, 5U);
}

TEST(SessionHeartbeat, CountsMissingAcks) {
    auto options = beating(150ms);
    options.ack_timeout = 1ms;
    Inbox<std::uint64_t> timeouts;
    CryoServer server(std::move(options), [&](Session& session) {
        echo(session);
        session.on_stat_ack_timeout([&](Session&, std::uint64_t count) {
            if (count > 0) timeouts.push(count);
        });
    });
    server.start();
    const auto client = opened_client(server);
    (*client)->acknowledges = false;
    for (int i = 0; i < 3; ++i) ASSERT_EQ(client->echo("x"), "x");
    std::uint64_t counted = 0;
    while (counted < 3) {
        ASSERT_TRUE(client->next(Model::ping_pong));
        while (timeouts.size() > 0) counted += *timeouts.next();
    }
    EXPECT_EQ(counted, 3U);
    EXPECT_EQ(server->stats().ack_timeouts, 3U);
    const auto session = server.next_session();
    EXPECT_EQ(on_loop(*session, [&] { return session->stats().ack_timeouts; }), 3U);
}

TEST(SessionStatistics, CountMessagesBytesAndRoundTrips) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(client->echo("12345"), "12345");
    const auto session = server.next_session();
    SessionStats stats;
    ASSERT_TRUE(eventually([&] {
        stats = on_loop(*session, [&] { return session->stats(); });
        return stats.pending_acks == 0;
    }));
    EXPECT_TRUE(stats.rtt.has_value());
    EXPECT_EQ(stats.ack_timeouts, 0U);
    EXPECT_EQ(stats.connection.messages_sent, 10U);
    EXPECT_EQ(stats.connection.bytes_sent, 50U);
    EXPECT_EQ(stats.connection.messages_received, 20U);  // the acks are messages of WebSocket, too
    EXPECT_EQ(stats.connection.messages_dropped, 0U);
    EXPECT_FALSE(stats.connection.throttled);
}

// -- violations ------------------------------------------------------------------------------------------------------

struct Violation {
    std::string name;
    std::function<void(CryoClient&)> commit;
};

std::vector<Violation> violations() {
    const auto frame_of = [](CryoClient& client, std::uint8_t type, std::string_view payload) {
        return Model::encode({client.sid(), 7, type, to_buffer(payload)});
    };
    std::vector<Violation> all;
    all.push_back({"an empty message", [](CryoClient& client) { client.send_message({}); }});
    all.push_back({"a frame of 20 bytes", [=](CryoClient& client) {
                       auto message = frame_of(client, Model::ack, "");
                       message.resize(20);
                       client.send_message(message);
                   }});
    for (const int type : {8, 9, 255}) {
        all.push_back({"type " + std::to_string(type), [=](CryoClient& client) {
                           client.send_message(frame_of(client, static_cast<std::uint8_t>(type), "x"));
                       }});
    }
    for (const auto type : {Model::ack, Model::ping_pong, Model::utf8data, Model::binarydata}) {
        all.push_back({"a foreign sid in type " + std::to_string(type), [=](CryoClient& client) {
                           client.send_message(Model::encode({fresh_sid(), 7, type, to_buffer("ping")}));
                       }});
    }
    all.push_back(
        {"a text message", [=](CryoClient& client) { client.send_websocket(kText, "0123456789abcdef00000x"); }});
    for (const std::string text : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "a\xf4\x90\x80\x80", "cut \xe2\x82"}) {
        all.push_back({"invalid UTF-8",
                       [=](CryoClient& client) { client.send_message(frame_of(client, Model::utf8data, text)); }});
    }
    return all;
}

TEST(SessionViolation, GetsAnErrorFrameAnd4001AndHurtsNobodyElse) {
    CryoServer server;
    server.start();
    const auto bystander = opened_client(server);
    std::uint64_t count = 0;
    for (const auto& violation : violations()) {
        const auto client = opened_client(server);
        violation.commit(*client);
        (*client)->send_text("ignored");
        EXPECT_EQ(client->close_code(), 4001) << violation.name;
        ASSERT_EQ((*client)->received.size(), 1U) << violation.name;
        EXPECT_EQ((*client)->received[0].type, Model::error) << violation.name;
        EXPECT_EQ((*client)->received[0].text(), "invalid_operation") << violation.name;
        EXPECT_EQ(server.next_end().code, 4001) << violation.name;
        EXPECT_FALSE(client->pump()) << violation.name;
        EXPECT_EQ(server->stats().protocol_errors, ++count) << violation.name;
    }
    EXPECT_EQ(bystander->echo("unharmed"), "unharmed");
}

TEST(SessionViolation, OfWebSocketClosesWithItsCode) {
    CryoServer server;
    server.start();
    const auto client = opened_client(server);
    client->socket().send(frame(kBinary, "x", {.masked = false}));
    EXPECT_EQ(client->close_code(), 1002);
    EXPECT_EQ(server.next_end().code, 1002);
}

}  // namespace
}  // namespace cryo::test
