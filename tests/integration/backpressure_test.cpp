// What a peer that reads slowly, or not at all, may cost, and what becomes of the messages for it.

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "integration/session_fixture.h"

namespace cryo::test {
namespace {

using Model = CryoClientModel;

constexpr std::size_t kHigh = 64u << 10, kQueue = 32u << 10, kMessage = 1u << 10;
/// Beside the payload: WebSocket header and Cryo header.
constexpr std::size_t kFramed = kMessage + 4 + 21;

ServerOptions small_caps(DropPolicy policy = DropPolicy::drop_oldest) {
    auto options = TestServer::quick_options();
    options.backpressure.high_water_mark = kHigh;
    options.backpressure.low_water_mark = 16u << 10;
    options.backpressure.max_queued_bytes = kQueue;
    options.backpressure.drop_policy = policy;
    return options;
}

/// A client whose kernel takes in little.
CryoClient::Options narrow() {
    CryoClient::Options options;
    options.socket.receive_buffer = 4096;
    return options;
}

std::string numbered(int number) {
    std::string text = std::to_string(number);
    return text + std::string(kMessage - text.size(), '.');
}

struct Drops {
    std::atomic<std::uint64_t> messages{0}, bytes{0};
    std::array<std::atomic<std::uint64_t>, 6> by_reason{};

    void add(const DroppedMessage& message) {
        messages += message.count;
        bytes += message.bytes;
        by_reason[static_cast<std::size_t>(message.reason)] += message.count;
    }
    std::uint64_t operator[](DropReason reason) const { return by_reason[static_cast<std::size_t>(reason)]; }
};

struct Throttled {
    explicit Throttled(
        ServerOptions options, CryoServer::Setup setup = [](Session&) {})
        : server(std::move(options), [this, setup](Session& opened) {
              opened.on_dropped([this](Session&, const DroppedMessage& message) { drops.add(message); });
              opened.on_drain([this](Session&) { ++drains; });
              setup(opened);
          }) {
        server.start();
        client = connect(server, narrow());
        EXPECT_EQ(client->status(), 101);
        session = server.next_session();
    }

    /// Sends numbered messages until the session is throttled; returns how many went out.
    int fill() {
        return on_loop(*session, [&] {
            int sent = 0;
            while (!session->stats().connection.throttled) {
                EXPECT_EQ(session->send_utf8(numbered(sent)), SendStatus::sent);
                ++sent;
            }
            return sent;
        });
    }
    SendStatus send(std::string_view text, SendOptions options = {}) {
        return on_loop(*session, [&] { return session->send_utf8(text, options); });
    }
    ConnectionStats stats() {
        return on_loop(*session, [&] { return session->stats().connection; });
    }
    /// Reads everything; the texts that came, up to `last`.
    std::vector<std::string> read_to(const std::string& last) {
        while (auto text = client->next_text()) {
            if (*text == last) break;
        }
        return (*client)->texts;
    }

    Drops drops;
    std::atomic<int> drains{0};
    CryoServer server;
    std::shared_ptr<CryoClient> client;
    SessionPtr session;
};

TEST(Backpressure, QueuesOnceTheHighWaterMarkIsReached) {
    Throttled slow(small_caps());
    const int sent = slow.fill();
    EXPECT_GE(static_cast<std::size_t>(sent) * kFramed, kHigh);
    EXPECT_EQ(slow.send(numbered(sent)), SendStatus::queued);
    const auto stats = slow.stats();
    EXPECT_TRUE(stats.throttled);
    EXPECT_LE(stats.unsent_bytes, kHigh + kFramed);
    EXPECT_EQ(stats.queued_messages, 1U);
    EXPECT_EQ(stats.queued_bytes, kMessage);
    EXPECT_EQ(stats.messages_sent, static_cast<std::uint64_t>(sent));
}

TEST(Backpressure, DrainsWhenThePeerReadsOn) {
    Throttled slow(small_caps());
    const int sent = slow.fill();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(slow.send(numbered(sent + i)), SendStatus::queued);
    EXPECT_EQ(slow.drains, 0);
    for (int i = 0; i < sent + 20; ++i) ASSERT_EQ(slow.client->next_text(), numbered(i));
    EXPECT_TRUE(eventually([&] { return slow.drains == 1; }));
    const auto stats = slow.stats();
    EXPECT_FALSE(stats.throttled);
    EXPECT_EQ(stats.queued_messages, 0U);
    EXPECT_EQ(stats.messages_sent, static_cast<std::uint64_t>(sent + 20));
    EXPECT_EQ(slow.drops.messages, 0U);
    EXPECT_EQ(slow.send("on we go"), SendStatus::sent);
    EXPECT_EQ(slow.client->next_text(), "on we go");
}

TEST(Backpressure, DrainHandlerMaySendOn) {
    std::atomic<int> next{0};
    const auto pour = [&](Session& session) {
        while (next < 2000 && session.send_utf8(numbered(next)) == SendStatus::sent) ++next;
        if (next < 2000) ++next;  // that one was queued
    };
    Throttled slow(small_caps(), [&](Session& session) {
        session.on_drain(pour);
        pour(session);
    });
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(slow.client->next_text(), numbered(i));
    EXPECT_EQ(slow.drops.messages, 0U);
}

TEST(Backpressure, DropOldestMakesRoomForTheNewest) {
    Throttled slow(small_caps(DropPolicy::drop_oldest));
    const int sent = slow.fill();
    constexpr int kMore = 100, kFit = kQueue / kMessage;
    for (int i = 0; i < kMore; ++i) EXPECT_EQ(slow.send(numbered(sent + i)), SendStatus::queued);
    EXPECT_EQ(slow.stats().queued_messages, static_cast<std::size_t>(kFit));
    EXPECT_EQ(slow.drops[DropReason::queue_full], static_cast<std::uint64_t>(kMore - kFit));
    for (int i = 0; i < sent; ++i) ASSERT_EQ(slow.client->next_text(), numbered(i));
    for (int i = kMore - kFit; i < kMore; ++i) ASSERT_EQ(slow.client->next_text(), numbered(sent + i));
}

TEST(Backpressure, DropNewestKeepsWhatWaits) {
    Throttled slow(small_caps(DropPolicy::drop_newest));
    const int sent = slow.fill();
    constexpr int kMore = 100, kFit = kQueue / kMessage;
    for (int i = 0; i < kMore; ++i) {
        EXPECT_EQ(slow.send(numbered(sent + i)), i < kFit ? SendStatus::queued : SendStatus::dropped);
    }
    EXPECT_EQ(slow.drops[DropReason::queue_full], static_cast<std::uint64_t>(kMore - kFit));
    for (int i = 0; i < sent + kFit; ++i) ASSERT_EQ(slow.client->next_text(), numbered(i));
}

TEST(Backpressure, QueueCountIsACapOfItsOwn) {
    auto options = small_caps(DropPolicy::drop_newest);
    options.backpressure.max_queue_count = 3;
    Throttled slow(std::move(options));
    slow.fill();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(slow.send("tiny"), SendStatus::queued);
    EXPECT_EQ(slow.send("tiny"), SendStatus::dropped);
}

TEST(Backpressure, DedupeReplacesTheQueuedMessageOfTheSameKey) {
    Throttled slow(small_caps(DropPolicy::dedupe_latest));
    slow.fill();
    EXPECT_EQ(slow.send("price 1", {.dedupe_key = "price"}), SendStatus::queued);
    EXPECT_EQ(slow.send("news", {.dedupe_key = "news"}), SendStatus::queued);
    EXPECT_EQ(slow.send("price 2", {.dedupe_key = "price"}), SendStatus::queued);
    EXPECT_EQ(slow.send("end"), SendStatus::queued);
    EXPECT_EQ(slow.stats().queued_messages, 3U);
    EXPECT_EQ(slow.drops[DropReason::duplicate], 1U);
    auto texts = slow.read_to("end");
    texts.erase(texts.begin(), texts.end() - 3);
    EXPECT_EQ(texts, (std::vector<std::string>{"news", "price 2", "end"}));
}

TEST(Backpressure, DedupeWithoutAKeyQueuesIdenticalBytesOnce) {
    Throttled slow(small_caps(DropPolicy::dedupe_latest));
    slow.fill();
    for (const std::string text : {"a", "b", "a", "b", "a", "end"}) EXPECT_EQ(slow.send(text), SendStatus::queued);
    EXPECT_EQ(slow.drops[DropReason::duplicate], 3U);
    auto texts = slow.read_to("end");
    texts.erase(texts.begin(), texts.end() - 3);
    EXPECT_EQ(texts, (std::vector<std::string>{"a", "b", "end"}));
}

TEST(Backpressure, MessageLargerThanTheQueueIsTooLarge) {
    Throttled slow(small_caps());
    EXPECT_EQ(slow.send(std::string(kQueue + 1, 'x')), SendStatus::sent);  // nothing waits: it need not be queued
    EXPECT_EQ(slow.client->next_text()->size(), kQueue + 1);
    slow.fill();
    EXPECT_EQ(slow.send(std::string(kQueue + 1, 'x')), SendStatus::too_large);
    EXPECT_EQ(slow.drops[DropReason::too_large], 1U);
    EXPECT_EQ(slow.stats().queued_messages, 0U);
}

TEST(Backpressure, AcksOvertakeQueuedMessages) {
    Throttled slow(small_caps());
    const int sent = slow.fill();
    for (int i = 0; i < 10; ++i) slow.send(numbered(sent + i));
    (*slow.client)->send_frame(Model::binarydata, 4711, as_bytes("x"));
    ASSERT_TRUE(eventually([&] { return slow.stats().messages_received == 1; }));
    slow.send("end");
    slow.read_to("end");
    const auto& received = (*slow.client)->received;
    const auto ack = std::ranges::find(received, 4711U, &Model::Frame::ack_id);
    ASSERT_NE(ack, received.end());
    EXPECT_EQ(ack->type, Model::ack);
    // Behind what was in the write buffer already, before all that waited.
    EXPECT_EQ(ack - received.begin(), sent);
}

TEST(Backpressure, AcksForAPeerThatDoesNotReadStopTheReading) {
    auto options = small_caps();
    options.backpressure.max_control_bytes = 4096;
    Throttled slow(std::move(options));
    slow.fill();
    // Each of these is owed an ack; without a limit they would pile up.
    auto& socket = slow.client->socket();
    socket.set_timeout(300ms);
    const auto message = frame(kBinary, as_text(Model::encode({slow.client->sid(), 1, Model::binarydata, {}})));
    std::string many;
    for (int i = 0; i < 1000; ++i) many += message;
    std::size_t batches = 0;
    while (batches < 1000 && socket.send(many)) ++batches;
    EXPECT_LT(batches, 1000U) << "the server never stopped reading";
    EXPECT_LE(slow.stats().unsent_bytes, kHigh + kFramed + 2 * 4096);
}

TEST(Backpressure, CloseWaitsForTheQueueOfASlowReader) {
    Throttled slow(small_caps());
    const int sent = slow.fill();
    for (int i = 0; i < 10; ++i) slow.send(numbered(sent + i));
    slow.session->close();
    EXPECT_EQ(slow.client->close_code(), 4000);
    EXPECT_EQ((*slow.client)->texts.size(), static_cast<std::size_t>(sent + 10));
    EXPECT_EQ(slow.server.next_end().code, 4000);
    EXPECT_EQ(slow.drops.messages, 0U);
}

TEST(Backpressure, WhatIsStillQueuedAtTheEndIsReported) {
    Throttled slow(small_caps());
    const int sent = slow.fill();
    for (int i = 0; i < 10; ++i) slow.send(numbered(sent + i));
    slow.session->destroy();
    slow.server.next_end();
    EXPECT_EQ(slow.drops[DropReason::closed], 10U);
    EXPECT_EQ(slow.drops.bytes, 10U * kMessage);
}

TEST(Backpressure, OtherThreadsSendsHaveALimitToo) {
    Drops drops;
    CryoServer server(small_caps(), [&](Session& opened) {
        opened.on_dropped([&](Session&, const DroppedMessage& message) { drops.add(message); });
    });
    server.start();
    const auto client = connect(server);
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    std::promise<void> release;
    session->post([released = release.get_future().share()] { released.wait(); });
    std::size_t accepted = 0;
    SendStatus status;
    while ((status = session->send_utf8(numbered(0))) == SendStatus::queued) accepted += kMessage;
    EXPECT_EQ(status, SendStatus::dropped);
    EXPECT_LE(accepted, kHigh + kQueue);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(session->send_utf8(numbered(0)), SendStatus::dropped);
    release.set_value();
    ASSERT_TRUE(eventually([&] { return session->send_utf8("again") == SendStatus::queued; }));
    while (client->next_text() != "again") {
    }
    EXPECT_GE(drops[DropReason::queue_full], 10U);
    EXPECT_EQ(drops.messages, server->stats().dropped_messages);
    EXPECT_EQ(drops.messages, on_loop(*session, [&] { return session->stats().connection.messages_dropped; }));
}

TEST(Backpressure, TextThatIsNotUtf8IsRefusedAndToldOnWhicheverThread) {
    const std::string invalid = "\xff\xff";
    Throttled peer(small_caps());
    EXPECT_EQ(peer.send(invalid), SendStatus::dropped);
    EXPECT_EQ(peer.drops[DropReason::invalid], 1U);
    EXPECT_EQ(peer.session->send_utf8(invalid), SendStatus::dropped);
    EXPECT_EQ(peer.session->send(PreparedMessage::text(invalid)), SendStatus::dropped);
    EXPECT_TRUE(eventually([&] { return peer.drops[DropReason::invalid] == 3; }));
    EXPECT_EQ(peer.drops.bytes, 3 * invalid.size());
    EXPECT_EQ(peer.stats().messages_dropped, 3U);
    peer.session->send_utf8("valid");
    EXPECT_EQ(peer.client->next_text(), "valid");
}

TEST(Backpressure, AThousandPeersThatReadNothingCostTheirCapsAndNobodyElse) {
    constexpr std::size_t kPeers = 1000;
    constexpr int kMessages = 200;
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    ASSERT_GT(files.rlim_cur, 2 * kPeers + 100) << "too few file descriptors are allowed";

    std::atomic<std::uint64_t> dropped{0};
    CryoServer server(small_caps(), [&](Session& session) {
        echo(session);
        session.on_dropped([&](Session&, const DroppedMessage& message) { dropped += message.count; });
    });
    server.start();
    std::vector<std::shared_ptr<CryoClient>> peers;
    std::vector<SessionPtr> sessions;
    for (std::size_t i = 0; i < kPeers; ++i) {
        peers.push_back(connect(server, narrow()));
        ASSERT_EQ(peers.back()->status(), 101);
        sessions.push_back(server.next_session());
    }
    const auto reader = connect(server);
    ASSERT_EQ(reader->status(), 101);

    const auto message = PreparedMessage::text(std::string(kMessage, 'x'));
    for (int i = 0; i < kMessages; ++i) {
        on_loop(*sessions[0], [&] {
            for (auto& session : sessions) session->send(message);
        });
        if (i % 10 == 0) {
            ASSERT_EQ(reader->echo("responsive"), "responsive");
        }
    }
    std::uint64_t unaccounted = 0, counted = 0;
    on_loop(*sessions[0], [&] {
        for (auto& session : sessions) {
            const auto stats = session->stats().connection;
            EXPECT_TRUE(stats.throttled);
            EXPECT_LE(stats.unsent_bytes, kHigh + kFramed);
            EXPECT_LE(stats.queued_bytes, kQueue);
            counted += stats.messages_dropped;
            unaccounted += kMessages - (stats.messages_sent + stats.queued_messages + stats.messages_dropped);
        }
    });
    EXPECT_EQ(unaccounted, 0U);
    EXPECT_GT(counted, 0U);
    EXPECT_EQ(counted, dropped);
    EXPECT_EQ(counted, server->stats().dropped_messages);
    for (auto& peer : peers) peer->socket().reset();
    ASSERT_TRUE(eventually([&] { return server->session_count() == 1; }));
    EXPECT_EQ(reader->echo("still here"), "still here");
}

}  // namespace
}  // namespace cryo::test
