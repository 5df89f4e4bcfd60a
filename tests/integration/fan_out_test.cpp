// Broadcasts among everything else that a connection is sent: order, coming and going, kinds of receivers.

#include <atomic>
#include <future>
#include <thread>

#include "fan_out_fixture.h"

namespace cryo::test {
namespace {

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
    auto client = start_and_join_over_tls();
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

}  // namespace
}  // namespace cryo::test
