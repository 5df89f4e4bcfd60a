// What came is read to its end, however it came: a socket is told of once, and not again.

#include "integration/transport_fixture.h"

namespace cryo::transport {
namespace {

using test::ClientSocket;

constexpr std::size_t kBuffer = 4096;
constexpr std::size_t kSizes[] = {1, kBuffer - 1, kBuffer, kBuffer + 1, 2 * kBuffer, 5 * kBuffer + 1};

ListenConfig small_buffer() {
    ListenConfig config;
    config.read_buffer_bytes = kBuffer;
    return config;
}

LoopThread::Prepare paused() {
    return [](TestHandler& handler) { handler.socket->set_reading(false); };
}

void resume(LoopThread& server) {
    server.on_loop([&] { server.last.lock()->socket->set_reading(true); });
}

TEST(Reading, ReachesTheLastByteWhateverTheBuffer) {
    for (const std::size_t size : kSizes) {
        LoopThread server([](TestHandler&) {}, small_buffer());
        ClientSocket client(server.port);
        const std::string data = pattern(size);
        {
            const Held held(server);
            client.send(data);
        }
        EXPECT_TRUE(client.receive(size) == data) << size;
    }
}

TEST(Reading, FindsTheEndBehindTheLastByte) {
    for (const bool reset : {false, true}) {
        for (const std::size_t size : kSizes) {
            LoopThread server([](TestHandler& handler) { handler.bytes = [](TestHandler&, std::string_view) {}; },
                              small_buffer());
            ClientSocket client(server.port);
            ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
            {
                const Held held(server);
                client.send(pattern(size));
                reset ? client.reset() : client.finish_sending();
            }
            EXPECT_TRUE(eventually([&] { return server.counters.closed == 1; })) << size;
            if (!reset) {
                EXPECT_EQ(server.counters.bytes, size);
            }
        }
    }
}

TEST(Reading, GoesOnBehindUrgentData) {
    LoopThread server;
    ClientSocket client(server.port);
    {
        const Held held(server);
        client.send("abc");
        ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
        client.send("efg");
    }
    EXPECT_EQ(client.receive(6), "abcefg");
}

TEST(Reading, FindsWhatCameWhilePausedTheEndToo) {
    for (const std::size_t size : kSizes) {
        LoopThread server(paused(), small_buffer());
        ClientSocket client(server.port);
        client.send(pattern(size));
        client.finish_sending();
        ASSERT_TRUE(eventually([&] { return server.counters.opened == 1; }));
        std::this_thread::sleep_for(5ms);  // for the events to pass
        EXPECT_EQ(server.counters.bytes, 0u);
        EXPECT_EQ(server.counters.closed, 0);
        resume(server);
        EXPECT_TRUE(eventually([&] { return server.counters.closed == 1; })) << size;
        EXPECT_EQ(server.counters.bytes, size);
    }
}

TEST(Reading, GoesOnWhereItWasPausedThoughNothingNewComes) {
    LoopThread server(
        [](TestHandler& handler) {
            handler.bytes = [](TestHandler& self, std::string_view data) {
                self.send(data);
                self.socket->set_reading(false);
            };
        },
        small_buffer());
    ClientSocket client(server.port);
    const std::string data = pattern(4 * kBuffer + 1);
    {
        const Held held(server);
        client.send(data);
    }
    std::string received = client.receive(kBuffer);
    while (received.size() < data.size()) {
        EXPECT_FALSE(client.readable(5ms));
        resume(server);
        const auto next = client.receive(std::min(kBuffer, data.size() - received.size()));
        ASSERT_FALSE(next.empty());
        received += next;
    }
    EXPECT_TRUE(received == data);
}

TEST(Reading, OfOneThatSendsWithoutPauseLeavesTimeForOthers) {
    LoopThread server([](TestHandler& handler) { handler.bytes = [](TestHandler&, std::string_view) {}; },
                      small_buffer());
    ClientSocket eager(server.port);
    std::atomic<bool> done{false};
    std::thread sender([&] {
        const std::string data = pattern(1 << 20);
        while (!done && eager.send(data)) {
        }
    });
    ASSERT_TRUE(eventually([&] { return server.counters.bytes > 1u << 20; }));
    for (int i = 0; i < 10; ++i) {
        ClientSocket other(server.port);
        EXPECT_TRUE(eventually([&] { return server.counters.opened == 2 + i; }));
        EXPECT_TRUE(server.on_loop([] { return true; }));
    }
    done = true;
    sender.join();
}

}  // namespace
}  // namespace cryo::transport
