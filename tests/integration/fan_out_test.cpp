// Broadcasts among everything else that a connection is sent: order, completeness, accounting, throttling.

#include <atomic>
#include <deque>
#include <random>

#include <sys/ioctl.h>

#include "endpoint_fixture.h"
#include "support/tls_certificate.h"

namespace cryo::test {
namespace {

constexpr std::size_t kKilobyteFrame = 1024 + 4;

std::string numbered(int number) {
    std::string text = std::to_string(number);
    return text + std::string(1024 - text.size(), ' ');
}

class FanOut : public EndpointTest {
protected:
    struct Peer {
        WsClient client;
        ConnectionPtr connection;

        /// When the turn of all that was posted before has ended.
        ConnectionStats stats() const {
            on_loop(*connection, [] {});
            return on_loop(*connection, [&] { return connection->stats(); });
        }
    };

    static ServerOptions small_options() {
        auto options = TestServer::quick_options();
        options.close_timeout = kPatience;
        options.backpressure.high_water_mark = 64u << 10;
        options.backpressure.low_water_mark = 8u << 10;
        options.backpressure.max_queued_bytes = 40u << 10;
        options.backpressure.max_queue_count = 20;
        return options;
    }

    Peer join(std::string_view lines = {}, int receive_buffer = 0) {
        WsClient client(server_->port(), "/ws", lines, {.timeout = kPatience, .receive_buffer = receive_buffer});
        EXPECT_TRUE(client.connected());
        return {std::move(client), opened()};
    }

    void broadcast(std::string_view text) { endpoint_->broadcast(PreparedMessage::text(text)); }
    void broadcast_numbered(int count) {
        for (int i = 0; i < count; ++i) broadcast(numbered(i));
    }

    /// Whoever was silent since takes the direct way from now on.
    template <class... Peers>
    void warm_up(Peers&... peers) {
        broadcast("warm up");
        for (Peer* peer : {&peers...}) {
            EXPECT_EQ(peer->client.next(kText), "warm up");
            EXPECT_TRUE(eventually([&] { return peer->stats().unsent_bytes == 0; }));
        }
    }

    /// Leaves about 4 KiB below the high-water mark of `small_options`, nothing of it in the server's own buffers.
    static int almost_throttle(Peer& peer) {
        int sent = 0;
        EXPECT_TRUE(eventually([&] {
            return on_loop(*peer.connection, [&] {
                if (peer.connection->stats().unsent_bytes >= (56u << 10)) return true;
                while (peer.connection->stats().unsent_bytes < (59u << 10)) {
                    peer.connection->send_text("filling" + numbered(sent++));
                }
                return false;
            });
        }));
        return sent;
    }

    static void skip(Peer& peer, int count) {
        for (int i = 0; i < count; ++i) ASSERT_TRUE(peer.client.next(kText)) << i;
    }
    static void expect(Peer& peer, std::initializer_list<std::string_view> texts) {
        for (const auto text : texts) EXPECT_EQ(peer.client.next(kText), text);
    }
    static void expect_numbered(Peer& peer, int count) {
        for (int i = 0; i < count; ++i) ASSERT_EQ(peer.client.next(kText), numbered(i));
    }
};

// -- order -----------------------------------------------------------------------------------------------------------

TEST_F(FanOut, OwnSendsAndBroadcastsOfATurnKeepTheirOrder) {
    start();
    Peer first = join(), own = join(), last = join();
    for (int round = 0; round < 3; ++round) {
        on_loop(*own.connection, [&] {
            broadcast("a");
            own.connection->send_text("b");
            broadcast("c");
            broadcast("d");
            own.connection->send_text("e");
        });
        on_loop(*own.connection, [&] {
            own.connection->send_text("f");
            broadcast("g");
        });
        expect(own, {"a", "b", "c", "d", "e", "f", "g"});
        for (Peer* other : {&first, &last}) expect(*other, {"a", "c", "d", "g"});
    }
}

TEST_F(FanOut, AHandlerAnswersBetweenItsBroadcasts) {
    WebSocketHandlers handlers;
    handlers.text = [this](Connection& self, std::string_view text) {
        broadcast("before");
        self.send_text(text);
        broadcast("after");
    };
    start(std::move(handlers));
    Peer asking = join(), other = join();
    warm_up(asking, other);
    for (int round = 0; round < 3; ++round) {
        asking.client.send(frame(kText, "one") + frame(kPing, "p") + frame(kText, "two"));
        expect(asking, {"before", "one", "after"});
        EXPECT_EQ(asking.client.next(kPong), "p");
        expect(asking, {"before", "two", "after"});
        expect(other, {"before", "after", "before", "after"});
    }
}

TEST_F(FanOut, ManyBroadcastsOfOneTurnArriveInOrder) {
    start();
    Peer silent = join(), own = join();
    warm_up(silent, own);
    const std::string large(100'000, 'x');
    on_loop(*own.connection, [&] {
        broadcast_numbered(40);
        own.connection->send_text("own");
        broadcast_numbered(160);
        broadcast(large);
        for (int i = 0; i < 1000; ++i) broadcast("");
        broadcast("end");
    });
    for (Peer* peer : {&silent, &own}) {
        expect_numbered(*peer, 40);
        if (peer == &own) expect(own, {"own"});
        expect_numbered(*peer, 160);
        EXPECT_TRUE(peer->client.next(kText) == large);
        for (int i = 0; i < 1000; ++i) ASSERT_EQ(peer->client.next(kText), "");
        expect(*peer, {"end"});
    }
}

TEST_F(FanOut, SendsOfOtherThreadsKeepTheirPlaceBetweenBroadcasts) {
    start();
    Peer peer = join(), other = join();
    for (int round = 0; round < 3; ++round) {
        std::promise<void> begun, sent;
        std::thread sender([&] {
            begun.get_future().wait();
            EXPECT_EQ(peer.connection->send_text("b"), SendStatus::queued);
            sent.set_value();
        });
        on_loop(*peer.connection, [&] {
            broadcast("a");
            begun.set_value();
            sent.get_future().wait();
            broadcast("c");
            EXPECT_EQ(peer.connection->send_text("d"), SendStatus::queued);
            broadcast("e");
        });
        sender.join();
        peer.connection->send_text("f");
        broadcast("g");
        peer.connection->send_text("h");
        expect(peer, {"a", "b", "c", "d", "e", "f", "g", "h"});
        expect(other, {"a", "c", "e", "g"});
    }
}

TEST_F(FanOut, AnOwnSendDoesNotOvertakeBroadcastsThatHadToBeQueued) {
    start({}, small_options());
    Peer slow = join({}, 4096);
    warm_up(slow);
    const int filling = almost_throttle(slow);
    on_loop(*slow.connection, [&] {
        broadcast_numbered(19);
        EXPECT_EQ(slow.connection->send_text("own"), SendStatus::queued);
    });
    skip(slow, filling);
    expect_numbered(slow, 19);
    expect(slow, {"own"});
}

// -- coming and going ------------------------------------------------------------------------------------------------

TEST_F(FanOut, WhoClosesAfterABroadcastGetsItBeforeTheCloseFrame) {
    start();
    Peer closing = join(), other = join();
    warm_up(closing, other);
    on_loop(*closing.connection, [&] {
        broadcast("before");
        closing.connection->close(4000, "done");
        broadcast("after");
    });
    expect(closing, {"before"});
    EXPECT_EQ(closing.client.next().value().close_code(), 4000);
    closing.client.send_close(4000);
    EXPECT_EQ(events_.closed.next(), (Ended{4000, "done", false}));
    expect(other, {"before", "after"});
}

TEST_F(FanOut, WhoseInputEndsInTheTurnOfABroadcastGetsItBeforeTheCloseFrame) {
    WebSocketHandlers handlers;
    handlers.text = [this](Connection&, std::string_view text) { broadcast(text); };
    start(std::move(handlers));
    Peer other = join();
    for (const auto& [last_words, code] : {std::pair{std::string("\xff\xff"), 1002}, {close_frame(1001), 1001}}) {
        Peer ending = join();
        warm_up(ending, other);
        ending.client.send(frame(kText, "before") + last_words);
        expect(ending, {"before"});
        EXPECT_EQ(ending.client.next().value().close_code(), code);
        expect(other, {"before"});
    }
}

TEST_F(FanOut, WhoJoinsAfterABroadcastOfTheTurnGetsOnlyTheNext) {
    std::atomic<bool> broadcasted{false}, joined_later{false};
    WebSocketHandlers handlers;
    handlers.open = [&](Connection&) { joined_later = broadcasted.load(); };
    handlers.text = [&](Connection&, std::string_view) {
        broadcast("before");
        broadcasted = true;
    };
    start(std::move(handlers));
    Peer member = join();
    warm_up(member);
    HttpClient newcomer(server_->port());
    newcomer.get("/nothing");  // so that it is known to the loop
    std::promise<void> held, released;
    member.connection->post([&] {
        held.set_value();
        released.get_future().wait();
    });
    held.get_future().wait();
    member.client.send_text("go");
    newcomer.send(WsClient::request("/ws"));
    released.set_value();
    ASSERT_EQ(newcomer.next().value().status, 101);
    EXPECT_TRUE(joined_later);
    broadcast("after");
    EXPECT_EQ(newcomer.take(7),
              "\x81\x05"
              "after");
    expect(member, {"before", "after"});
}

// -- slow readers ----------------------------------------------------------------------------------------------------

TEST_F(FanOut, SlowReadersGetEveryByteAndHoldNobodyUp) {
    start();
    Peer before = join(), slow = join({}, 64 << 10), after = join();
    warm_up(before, slow, after);
    std::vector<std::string> texts;
    for (int i = 0; i < 240; ++i) {
        const std::size_t size = i % 8 == 0 ? 150'000 : i % 3 == 0 ? 5'000 : 20;
        texts.push_back(std::to_string(i) + std::string(size, static_cast<char>('a' + i % 26)));
    }
    for (std::size_t i = 0; i < texts.size(); i += 6) {
        on_loop(*slow.connection, [&] {
            for (std::size_t k = i; k < i + 6; ++k) broadcast(texts[k]);
        });
        for (Peer* fast : {&before, &after}) {
            for (std::size_t k = i; k < i + 6; ++k) ASSERT_TRUE(fast->client.next(kText) == texts[k]) << k;
        }
    }
    for (const auto& text : texts) ASSERT_TRUE(slow.client.next(kText) == text);
    EXPECT_EQ(slow.stats().messages_dropped, 0u);
    warm_up(before, slow, after);
}

TEST_F(FanOut, BroadcastsThrottleExactlyAtTheHighWaterMarkThenQueueThenDrop) {
    Inbox<DropReason> told;
    start({.dropped = [&](Connection&, const DroppedMessage& message) { told.push(message.reason); }}, small_options());
    Peer slow = join({}, 4096);
    warm_up(slow);
    on_loop(*slow.connection, [&] { broadcast_numbered(60); });
    // What the kernel has sent since is not known here, but what it was when the mark was reached.
    const auto below = slow.stats();
    EXPECT_EQ(below.messages_sent, 61u);
    EXPECT_FALSE(below.throttled);
    int sent = 60;
    while (!slow.stats().throttled) {
        ASSERT_LT(slow.stats().unsent_bytes, 64u << 10);
        broadcast(numbered(sent++));
    }
    EXPECT_EQ(slow.stats().messages_sent, static_cast<unsigned>(sent) + 1);
    EXPECT_GE(sent, 63);
    EXPECT_LE(sent, 80) << "what a client that does not read may have taken";
    on_loop(*slow.connection, [&] {
        for (int i = 0; i < 25; ++i) broadcast(numbered(1000 + i));
    });
    const auto throttled = slow.stats();
    EXPECT_EQ(throttled.queued_messages, 20u);
    EXPECT_EQ(throttled.messages_dropped, 5u);
    EXPECT_EQ(throttled.messages_sent, static_cast<unsigned>(sent) + 1);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(told.next(), DropReason::queue_full);
    expect_numbered(slow, sent);
    for (int i = 5; i < 25; ++i) ASSERT_EQ(slow.client.next(kText), numbered(1000 + i));
}

TEST_F(FanOut, OneTurnsBroadcastsThrottleWhereTheSameSendsWould) {
    start({}, small_options());
    Peer silent = join(), busy = join();
    warm_up(silent, busy);
    on_loop(*busy.connection, [&] {
        busy.connection->send_text("own");
        broadcast_numbered(50);
        EXPECT_EQ(busy.connection->stats().unsent_bytes, 5 + 50 * kKilobyteFrame);
        EXPECT_EQ(silent.connection->stats().unsent_bytes, 50 * kKilobyteFrame);
        for (int i = 50; i < 100; ++i) broadcast(numbered(i));
        for (const auto& peer : {silent.connection, busy.connection}) {
            const auto stats = peer->stats();
            EXPECT_EQ(stats.messages_sent, 1u + 64u + (peer == busy.connection ? 1 : 0));
            EXPECT_EQ(stats.queued_messages, 20u);
            EXPECT_EQ(stats.messages_dropped, 16u);
            EXPECT_TRUE(stats.throttled);
        }
    });
    expect(busy, {"own"});
    for (Peer* peer : {&silent, &busy}) {
        expect_numbered(*peer, 64);
        for (int i = 80; i < 100; ++i) ASSERT_EQ(peer->client.next(kText), numbered(i));
    }
}

// -- accounting ------------------------------------------------------------------------------------------------------

TEST_F(FanOut, StatsAreExactAtAnyTime) {
    start();
    Peer peer = join();
    warm_up(peer);
    const auto before = peer.stats();
    on_loop(*peer.connection, [&] {
        for (int i = 0; i < 3; ++i) broadcast(std::string(100, 'x'));
        EXPECT_EQ(peer.connection->stats().unsent_bytes, 3 * 102u);
        peer.connection->send_text("own");
        const auto now = peer.connection->stats();
        EXPECT_EQ(now.messages_sent, before.messages_sent + 4);
        EXPECT_EQ(now.bytes_sent, before.bytes_sent + 303);
        EXPECT_EQ(now.unsent_bytes, 3 * 102u + 5);
    });
    for (unsigned i = 0; i < 3; ++i) {
        broadcast("again");
        const auto now = peer.stats();
        EXPECT_EQ(now.messages_sent, before.messages_sent + 5 + i);
        EXPECT_EQ(now.bytes_sent, before.bytes_sent + 308 + 5 * i);
        EXPECT_LE(now.unsent_bytes, 3 * 102u + 5 + 7 * (i + 1));
    }
    skip(peer, 7);
    EXPECT_TRUE(eventually([&] { return peer.stats().unsent_bytes == 0; }));
}

TEST_F(FanOut, StatsAreExactForASlowReader) {
    start();
    Peer slow = join({}, 64 << 10);
    warm_up(slow);
    const std::string large(1'000'000, 'x');
    const auto in_client = [&] {
        int bytes = 0;
        ::ioctl(slow.client.socket().fd(), FIONREAD, &bytes);
        return static_cast<std::size_t>(bytes);
    };
    for (unsigned i = 1; i <= 10; ++i) {
        broadcast(large);
        const auto now = slow.stats();
        EXPECT_EQ(now.messages_sent, 1 + i);
        EXPECT_EQ(now.bytes_sent, 7 + i * large.size());
        EXPECT_FALSE(now.throttled);
        EXPECT_TRUE(eventually([&] { return slow.stats().unsent_bytes + in_client() == i * (large.size() + 10); }));
    }
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(slow.client.next(kText) == large);
    EXPECT_TRUE(eventually([&] { return slow.stats().unsent_bytes == 0; }));
    EXPECT_EQ(slow.stats().messages_sent, 11u);
}

// -- handlers that act while a broadcast is delivered ----------------------------------------------------------------

/// One receiver that drops, among others that take the direct way, before and after it.
class FanOutReentrancy : public FanOut {
protected:
    void start_dropping(std::function<void(Connection&)> first_drop) {
        WebSocketHandlers handlers;
        handlers.dropped = [this, act = std::move(first_drop)](Connection& self, const DroppedMessage& message) {
            told_ += message.count;
            if (!std::exchange(acted_, true)) act(self);
        };
        start(std::move(handlers), small_options());
    }

    bool acted_ = false;
    std::atomic<std::size_t> told_{0};
};

TEST_F(FanOutReentrancy, BroadcastsClosesAndDestroysOthersInTheTurnsEnd) {
    std::vector<ConnectionPtr> to_close, to_destroy;
    start_dropping([&](Connection&) {
        broadcast("nested");
        for (const auto& connection : to_close) connection->close(4000);
        for (const auto& connection : to_destroy) connection->destroy();
        broadcast("nested too");
    });
    Peer first = join(), first_closed = join(), first_cut = join(), slow = join({}, 4096), last_closed = join(),
         last_cut = join(), last = join();
    warm_up(first, first_closed, first_cut, slow, last_closed, last_cut, last);
    to_close = {first_closed.connection, last_closed.connection};
    to_destroy = {first_cut.connection, last_cut.connection};
    almost_throttle(slow);
    on_loop(*slow.connection, [&] { broadcast_numbered(50); });
    for (Peer* peer : {&first, &last}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"nested", "nested too"});
    }
    for (Peer* peer : {&first_closed, &last_closed}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"nested"});
        EXPECT_EQ(peer->client.next().value().close_code(), 4000);
    }
    EXPECT_FALSE(last_cut.connection->is_open());
    const auto stats = slow.stats();
    EXPECT_EQ(told_, stats.messages_dropped);
    EXPECT_TRUE(stats.throttled);
    EXPECT_EQ(endpoint_->connection_count(), 3u);
}

TEST_F(FanOutReentrancy, BroadcastsWithinABroadcastOfAThrottledReceiver) {
    ConnectionPtr other_closed;
    start_dropping([&](Connection& self) {
        broadcast("nested");
        other_closed->close(4000);
        self.destroy();
        broadcast("nested too");
    });
    Peer first = join(), slow = join({}, 4096), closed = join(), last = join();
    warm_up(first, slow, closed, last);
    other_closed = closed.connection;
    on_loop(*slow.connection, [&] {
        while (!slow.connection->stats().throttled) slow.connection->send_text(numbered(0));
        for (int i = 0; i < 20; ++i) slow.connection->send_text("queued");
        broadcast("outer");
        broadcast("end");
    });
    for (Peer* peer : {&first, &last}) expect(*peer, {"outer", "nested", "nested too", "end"});
    expect(closed, {"outer", "nested"});
    EXPECT_EQ(closed.client.next().value().close_code(), 4000);
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOutReentrancy, AReceiverEndsWhileWhatItMissedIsMadeUpForBeforeASendOfAnotherThread) {
    start_dropping([](Connection& self) { self.destroy(); });
    Peer first = join(), slow = join({}, 4096), last = join();
    warm_up(first, slow, last);
    almost_throttle(slow);
    std::promise<void> begun, sent;
    std::thread sender([&] {
        begun.get_future().wait();
        slow.connection->send_text("of another thread");
        sent.set_value();
    });
    on_loop(*first.connection, [&] {
        broadcast_numbered(50);
        begun.set_value();
        sent.get_future().wait();
        broadcast("end");
    });
    sender.join();
    for (Peer* peer : {&first, &last}) {
        expect_numbered(*peer, 50);
        expect(*peer, {"end"});
    }
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOutReentrancy, AnOwnSendThatMakesItsReceiverCloseIsRefused) {
    start_dropping([](Connection& self) { self.close(4000, "too slow"); });
    Peer slow = join({}, 4096);
    warm_up(slow);
    almost_throttle(slow);
    on_loop(*slow.connection, [&] {
        broadcast_numbered(50);
        EXPECT_EQ(slow.connection->send_text("own"), SendStatus::closed);
        slow.connection->send_text("too late");
    });
    for (;;) {
        const auto got = slow.client.next();
        ASSERT_TRUE(got);
        if (got->opcode == kClose) break;
        EXPECT_EQ(got->payload.size() / 1024, 1u) << *got;
    }
    slow.client.send_close(4000);
    EXPECT_EQ(events_.closed.next(), (Ended{4000, "too slow", false}));
}

TEST_F(FanOutReentrancy, ACloseThatMakesItsReceiverBeDestroyedDoesNotBringItBack) {
    start_dropping([](Connection& self) { self.destroy(); });
    Peer slow = join({}, 4096);
    warm_up(slow);
    almost_throttle(slow);
    on_loop(*slow.connection, [&] {
        broadcast_numbered(50);
        slow.connection->close(4000, "too late");
    });
    EXPECT_EQ(events_.closed.next(), (Ended{1006, "", false}));
}

TEST_F(FanOut, ADrainHandlerMayBroadcastSendAndClose) {
    WebSocketHandlers handlers;
    handlers.drain = [this](Connection& self) {
        broadcast("drained");
        self.send_text("own");
        self.close(4000);
    };
    start(std::move(handlers), small_options());
    Peer slow = join({}, 4096), other = join();
    warm_up(slow, other);
    int sent = 0;
    on_loop(*slow.connection, [&] {
        for (; !slow.connection->stats().throttled; ++sent) slow.connection->send_text(numbered(sent));
    });
    expect_numbered(slow, sent);
    expect(slow, {"drained", "own"});
    EXPECT_EQ(slow.client.next().value().close_code(), 4000);
    expect(other, {"drained"});
}

TEST_F(FanOut, AClosedHandlerMayBroadcastAlsoWhenTheServerStops) {
    auto handlers = events_.handlers();
    handlers.closed = [this](Connection&, const CloseEvent&) { broadcast("left"); };
    server_.emplace();
    endpoint_ = (*server_)->websocket("/ws", std::move(handlers)).value();
    server_->start();
    Peer leaving = join(), reset = join(), other = join();
    warm_up(leaving, reset, other);
    broadcast("before");
    expect(leaving, {"before"});
    leaving.client.send_close(1000);
    EXPECT_EQ(leaving.client.next_close(), 1000);
    expect(other, {"before", "left"});
    reset.client.socket().reset();
    expect(other, {"left"});
    server_.reset();
    EXPECT_FALSE(other.connection->is_open());
}

// -- kinds of receivers ----------------------------------------------------------------------------------------------

TEST_F(FanOut, CompressingAndPlainReceiversGetTheSame) {
    auto options = TestServer::quick_options();
    options.deflate.enabled = true;
    start(echo_handlers(), options);
    constexpr std::string_view kDeflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    Peer plain = join(), packed = join(kDeflate), last = join(), last_packed = join(kDeflate);
    for (int round = 0; round < 3; ++round) {
        on_loop(*plain.connection, [&] {
            broadcast_numbered(100);
            packed.connection->send_text("own");
            plain.connection->send_text("own");
            broadcast("end");
        });
        for (Peer* peer : {&plain, &packed, &last, &last_packed}) {
            expect_numbered(*peer, 100);
            if (peer == &plain || peer == &packed) expect(*peer, {"own"});
            expect(*peer, {"end"});
        }
    }
}

TEST_F(FanOut, TlsReceiversGetBroadcastsInOrder) {
    const TlsCertificate certificate;
    auto options = TestServer::quick_options();
    options.tls = TlsOptions{.certificate_file = certificate.certificate_file(), .key_file = certificate.key_file()};
    start(echo_handlers(), options);
    TlsClientSocket client(server_->port());
    client.send(WsClient::request("/ws"));
    for (std::string head; !head.ends_with("\r\n\r\n");) {
        const auto byte = client.receive(1);
        ASSERT_FALSE(byte.empty());
        head += byte;
    }
    const auto connection = opened();
    for (int round = 0; round < 3; ++round) {
        on_loop(*connection, [&] {
            broadcast("a");
            connection->send_text("b");
            broadcast("c");
        });
        EXPECT_EQ(client.receive(9),
                  "\x81\x01"
                  "a"
                  "\x81\x01"
                  "b"
                  "\x81\x01"
                  "c");
    }
}

// -- everything at once ----------------------------------------------------------------------------------------------

/// Random turns of broadcasts, own sends, sends of another thread, ends and newcomers; each client must get what a list
/// of its own says.
class FanOutModel : public FanOut, public ::testing::WithParamInterface<unsigned> {
protected:
    struct Modelled {
        Peer peer;
        bool slow = false;
        bool open = true;
        std::deque<std::string> expected{};
    };

    int pick(int below) { return std::uniform_int_distribution(0, below - 1)(random_); }

    std::string next_text() {
        const int kind = pick(100);
        const std::size_t padding = kind < 2 ? 80'000 : kind < 20 ? 3'000 : static_cast<std::size_t>(pick(40));
        return std::to_string(++last_text_) + std::string(padding, '.');
    }

    Modelled& any() { return members_[static_cast<std::size_t>(pick(static_cast<int>(members_.size())))]; }

    void send_to_any() {
        Modelled& member = any();
        const auto text = next_text();
        const auto status = member.peer.connection->send_text(text);
        if (member.open) {
            EXPECT_TRUE(status == SendStatus::sent || status == SendStatus::queued);
            member.expected.push_back(text);
        }
    }
    void broadcast_to_all() {
        const auto text = next_text();
        broadcast(text);
        for (Modelled& member : members_) {
            if (member.open) member.expected.push_back(text);
        }
    }
    void close_any() {
        Modelled& member = any();
        member.open = false;
        member.peer.connection->close(4000);
    }

    void act_on_loop() {
        for (int n = pick(8); n > 0; --n) {
            const int what = pick(100);
            what < 50 ? broadcast_to_all() : what < 98 ? send_to_any() : close_any();
        }
    }
    /// No broadcasts: on the loop, those of another thread come after its own of the same turn.
    void act_beside_the_loop() {
        for (int n = pick(3); n > 0; --n) send_to_any();
    }

    void turn() {
        std::promise<void> halfway, go_on;
        std::thread beside([&] {
            halfway.get_future().wait();
            act_beside_the_loop();
            go_on.set_value();
        });
        on_loop(*members_.front().peer.connection, [&] {
            act_on_loop();
            halfway.set_value();
            go_on.get_future().wait();
            act_on_loop();
        });
        beside.join();
        for (int n = pick(5); n > 0; --n) pick(2) == 0 ? broadcast_to_all() : send_to_any();
    }

    void read(Modelled& member) {
        for (; !member.expected.empty(); member.expected.pop_front()) {
            const auto got = member.peer.client.next(kText);
            ASSERT_TRUE(got == member.expected.front())
                << "expected " << member.expected.front().substr(0, 20) << ", got " << got.value_or("?").substr(0, 20);
        }
        if (member.open) return;
        ASSERT_EQ(member.peer.client.next().value_or(WsFrame{}).close_code(), 4000);
    }

    std::mt19937 random_{GetParam()};
    int last_text_ = 0;
    std::vector<Modelled> members_;
};

TEST_P(FanOutModel, EveryClientGetsItsListInOrder) {
    auto options = TestServer::quick_options();
    options.close_timeout = kPatience;
    options.keepalive_interval = kPatience;
    options.deflate.enabled = true;
    start(echo_handlers(), options);
    for (int i = 0; i < 300; ++i) {
        while (members_.size() < 8) {
            const bool slow = pick(2) == 0;
            const bool packed = pick(4) == 0;
            members_.push_back(
                {join(packed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "", slow ? 64 << 10 : 0), slow});
        }
        turn();
        for (Modelled& member : members_) {
            const bool reads = !member.open || (!member.slow && pick(4) == 0);
            if (reads) {
                ASSERT_NO_FATAL_FAILURE(read(member));
            }
        }
        std::erase_if(members_, [](const Modelled& member) { return !member.open; });
    }
    for (Modelled& member : members_) {
        ASSERT_NO_FATAL_FAILURE(read(member));
        EXPECT_EQ(member.peer.stats().messages_dropped, 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FanOutModel, ::testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace cryo::test
