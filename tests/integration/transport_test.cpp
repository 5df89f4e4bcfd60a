#include "integration/transport_fixture.h"

namespace cryo::transport {
namespace {

using test::ClientSocket;
using test::TlsCertificate;
using test::TlsClientSocket;

TEST(Transport, EchoesSmallMessages) {
    LoopThread server;
    ClientSocket client(server.port);
    for (int i = 0; i < 100; ++i) {
        const std::string message = "message " + std::to_string(i);
        ASSERT_TRUE(client.send(message));
        ASSERT_EQ(client.receive(message.size()), message);
    }
}

TEST(Transport, EchoesEightMebibytes) {
    LoopThread server;
    ClientSocket client(server.port);
    const std::string data = pattern(8 << 20);
    std::thread sender([&] { EXPECT_TRUE(client.send(data)); });
    EXPECT_TRUE(client.receive(data.size()) == data);
    sender.join();
}

TEST(Transport, ManyRequestsForAFlushInOneTurnCauseOne) {
    LoopThread server([](TestHandler& handler) {
        handler.bytes = [](TestHandler& self, std::string_view) {
            for (int i = 0; i < 10; ++i) self.send("x");
        };
    });
    ClientSocket client(server.port);
    client.send("go");
    EXPECT_EQ(client.receive(10), "xxxxxxxxxx");
    EXPECT_EQ(server.counters.flushes, 1);
}

TEST(Transport, FlushRequestedWhileFlushingComesInTheNextTurnAndStarvesNobody) {
    LoopThread server([](TestHandler& handler) {
        handler.bytes = [](TestHandler& self, std::string_view data) {
            if (data != "spin") return self.send(data);
            self.flush = [](TestHandler& again) { again.socket->request_flush(); };
            self.socket->request_flush();
        };
    });
    ClientSocket spinner(server.port);
    spinner.send("spin");
    ASSERT_TRUE(eventually([&] { return server.counters.flushes > 100; }));
    ClientSocket client(server.port);
    client.send("hello");
    EXPECT_EQ(client.receive(5), "hello");
}

TEST(Transport, WritesManyBuffersInOrder) {
    LoopThread server([](TestHandler& handler) {
        handler.bytes = [](TestHandler& self, std::string_view data) {
            std::vector<Bytes> parts;
            for (std::size_t i = 0; i < data.size(); ++i) parts.push_back(as_bytes(data.substr(i, 1)));
            parts.insert(parts.begin() + 3, Bytes{});
            EXPECT_EQ(self.socket->write(parts), data.size());
        };
    });
    ClientSocket client(server.port);
    const std::string data = pattern(1000);
    client.send(data);
    EXPECT_EQ(client.receive(data.size()), data);
}

TEST(Transport, SlowReaderFillsTheSocketUntilItReadsAgain) {
    const std::string data = pattern(32 << 20);
    LoopThread server([&data](TestHandler& handler) {
        handler.bytes = [&data](TestHandler& self, std::string_view) { self.send(data); };
    });
    ClientSocket client(server.port);
    client.send("go");
    ASSERT_TRUE(eventually([&] { return server.counters.flushes > 0; }));
    const auto [unsent, waiting] = server.on_loop([&] {
        auto handler = server.last.lock();
        return std::pair(handler->socket->unsent_bytes(), handler->outgoing.size() - handler->written);
    });
    EXPECT_GT(unsent, 0u);
    EXPECT_GT(waiting, 0u);
    EXPECT_TRUE(client.receive(data.size()) == data);
    EXPECT_TRUE(
        eventually([&] { return server.on_loop([&] { return server.last.lock()->socket->unsent_bytes(); }) == 0; }));
}

TEST(Transport, ShutdownSendsEverythingThenTheFinAndIgnoresWhatStillArrives) {
    const std::string data = pattern(8 << 20);
    LoopThread server([&data](TestHandler& handler) {
        handler.bytes = [&data](TestHandler& self, std::string_view) { self.send(data); };
        handler.flush = [](TestHandler& self) {
            if (self.write()) self.socket->shutdown();
        };
    });
    ClientSocket client(server.port);
    client.send("go");
    const auto received = client.receive_to_end();
    ASSERT_TRUE(received);
    EXPECT_TRUE(*received == data);
    const auto bytes_before = server.counters.bytes.load();
    client.send("ignored");
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(server.counters.bytes, bytes_before);
    EXPECT_EQ(server.counters.closed, 0);
    client.close();
    EXPECT_TRUE(eventually([&] { return server.counters.closed == 1; }));
}

TEST(Transport, ShutdownNoticesTheFinOfAPeerThatWasNotRead) {
    LoopThread server([](TestHandler& handler) {
        handler.bytes = [](TestHandler& self, std::string_view) {
            self.socket->set_reading(false);
            self.socket->shutdown();
        };
    });
    ClientSocket client(server.port);
    client.send("go");
    EXPECT_EQ(client.receive_to_end(), "");
    client.close();
    EXPECT_TRUE(eventually([&] { return server.counters.closed == 1; }));
}

TEST(Transport, PeersFinClosesTheConnection) {
    LoopThread server;
    ClientSocket client(server.port);
    client.send("x");
    ASSERT_EQ(client.receive(1), "x");
    client.finish_sending();
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_TRUE(eventually([&] { return server.counters.closed == 1 && server.counters.destroyed == 1; }));
}

TEST(Transport, WritingToAPeerThatResetEndsInOnClosed) {
    LoopThread server([](TestHandler& handler) { handler.socket->set_reading(false); });
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    client.reset();
    for (int i = 0; i < 100 && server.counters.closed == 0; ++i) {
        server.on_loop([&] {
            if (auto handler = server.last.lock(); handler && handler->socket) {
                const Bytes data = as_bytes("data");
                EXPECT_EQ(handler->socket->write({&data, 1}), 4u);
            }
        });
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(server.counters.closed, 1);
}

TEST(Transport, PausedReadingDeliversNothingAndResumedReadingEverything) {
    LoopThread server([](TestHandler& handler) {
        handler.bytes = [](TestHandler& self, std::string_view data) {
            self.send(data);
            self.socket->set_reading(false);
        };
    });
    ClientSocket client(server.port);
    client.send("one");
    ASSERT_EQ(client.receive(3), "one");
    client.send("two");
    EXPECT_FALSE(client.readable(100ms));
    server.on_loop([&] { server.last.lock()->socket->set_reading(true); });
    EXPECT_EQ(client.receive(3), "two");
    // Off and on again within one callback changes nothing.
    server.on_loop([&] {
        auto handler = server.last.lock();
        handler->bytes = [](TestHandler& self, std::string_view data) {
            self.socket->set_reading(false);
            self.socket->set_reading(true);
            self.send(data);
        };
        handler->socket->set_reading(true);
    });
    client.send("three");
    EXPECT_EQ(client.receive(5), "three");
    client.send("four");
    EXPECT_EQ(client.receive(4), "four");
}

TEST(Transport, CloseIsSafeInsideEveryCallback) {
    for (const char* where : {"bytes", "flush", "closed", "twice"}) {
        LoopThread server([where](TestHandler& handler) {
            handler.bytes = [where](TestHandler& self, std::string_view) {
                if (where == std::string_view("flush")) return self.socket->request_flush();
                self.socket->close();
                if (where == std::string_view("twice")) self.socket->close();
                EXPECT_EQ(self.counters.closed, 0) << "on_closed comes after the callback";
                const Bytes data = as_bytes("late");
                EXPECT_EQ(self.socket->write({&data, 1}), 4u);
                self.socket->request_flush();
                self.socket->set_reading(false);
                self.socket->shutdown();
            };
            handler.flush = [](TestHandler& self) {
                self.socket->close();
                EXPECT_EQ(self.counters.closed, 0);
            };
            handler.closed = [](TestHandler& self) {
                self.socket->close();
                self.socket->request_flush();
                self.socket->set_reading(false);
            };
        });
        ClientSocket client(server.port);
        client.send("go");
        EXPECT_TRUE(client.closed_by_peer()) << where;
        EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 1; })) << where;
        EXPECT_EQ(server.counters.closed, 1) << where;
    }
}

TEST(Transport, CloseFromOutsideCallsOnClosedInsideTheCall) {
    LoopThread server;
    ClientSocket client(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    server.on_loop([&] {
        auto handler = server.last.lock();
        handler->send("never sent");
        handler->socket->close();
        EXPECT_EQ(server.counters.closed, 1);
        EXPECT_EQ(server.loop->socket_count(), 0u);
    });
    EXPECT_TRUE(client.closed_by_peer());
}

TEST(Transport, OneConnectionMayCloseAllOthersFromItsCallback) {
    std::vector<std::weak_ptr<TestHandler>> all;  // touched on the loop only
    LoopThread server([&all](TestHandler& handler) {
        all.push_back(handler.weak_from_this());
        handler.flush = [&all](TestHandler& self) {
            for (auto& weak : all) {
                auto other = weak.lock();
                if (!other || !other->socket || other.get() == &self) continue;
                other->socket->request_flush();
                other->socket->close();
            }
        };
    });
    std::vector<ClientSocket> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(server.port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 20; }));
    // All want to flush in the same turn; the first one closes those that are waiting for it.
    server.on_loop([&] {
        for (auto& weak : all) weak.lock()->socket->request_flush();
    });
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 19; }));
    EXPECT_EQ(server.counters.flushes, 1);
    EXPECT_EQ(server.counters.closed, 19);
}

TEST(Transport, ReplacedHandlerLivesUntilItsCallbackReturns) {
    Counters second;
    LoopThread server([&second](TestHandler& handler) {
        handler.bytes = [&second](TestHandler& self, std::string_view data) {
            auto next = std::make_shared<TestHandler>(*self.socket, second);
            self.socket->set_handler(next);
            EXPECT_EQ(self.counters.destroyed, 0);
            next->on_bytes({const_cast<std::byte*>(as_bytes(data).data()), data.size()});
        };
    });
    ClientSocket client(server.port);
    client.send("upgrade");
    EXPECT_EQ(client.receive(7), "upgrade");
    client.send("more");
    EXPECT_EQ(client.receive(4), "more");
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 1; }));
    EXPECT_EQ(server.counters.closed, 0);
    client.close();
    EXPECT_TRUE(eventually([&] { return second.closed == 1; }));
}

TEST(Transport, RefusedSocketIsClosed) {
    LoopThread server;
    server.refuse = true;
    ClientSocket client(server.port);
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(server.counters.closed, 0);
    EXPECT_TRUE(eventually([&] { return server.on_loop([&] { return server.loop->socket_count(); }) == 0; }));
}

TEST(Transport, TellsTheAddressOfThePeer) {
    std::string address;
    LoopThread server([&address](TestHandler& handler) { address = handler.socket->remote_address(); });
    ClientSocket client(server.port);
    client.send("x");
    ASSERT_EQ(client.receive(1), "x");
    EXPECT_EQ(address, "127.0.0.1");
}

TEST(Transport, DualStackListenerTellsAddressesOfBothFamilies) {
    auto listener = bind_listener("::", 0, false, true);
    if (!listener) GTEST_SKIP() << "no IPv6 here: " << listener.error().message;
    std::mutex mutex;
    std::vector<std::string> addresses;
    ListenConfig config;
    config.fd = listener->fd;
    LoopThread server(
        [&](TestHandler& handler) {
            const std::lock_guard lock(mutex);
            addresses.push_back(handler.socket->remote_address());
        },
        std::move(config));
    ClientSocket ipv4(listener->port);
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
    ClientSocket ipv6(listener->port, {.host = "::1"});
    ASSERT_TRUE(eventually([&] { return server.counters.opened == 2; }));
    const std::lock_guard lock(mutex);
    EXPECT_EQ(addresses, (std::vector<std::string>{"127.0.0.1", "::1"}));
}

TEST(Transport, SurvivesTwoThousandConnectionsThatComeAndGo) {
    LoopThread server;
    for (int round = 0; round < 4; ++round) {
        std::vector<ClientSocket> clients;
        for (int i = 0; i < 500; ++i) {
            clients.emplace_back(server.port);
            ASSERT_TRUE(clients.back().connected());
            ASSERT_TRUE(clients.back().send("x"));
        }
        for (auto& client : clients) ASSERT_EQ(client.receive(1), "x");
        for (std::size_t i = 0; i < clients.size(); i += 3) clients[i].reset();
    }
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 2000; }));
    EXPECT_EQ(server.counters.closed, 2000);
    EXPECT_EQ(server.on_loop([&] { return server.loop->socket_count(); }), 0u);
}

}  // namespace
}  // namespace cryo::transport
