#include <random>

#include "integration/transport_fixture.h"

namespace cryo::transport {
namespace {

using test::ClientSocket;
using test::TlsCertificate;
using test::TlsClientSocket;

/// Echoes with random pauses in reading, ended now, later in the turn or in a later one.
void make_moody(TestHandler& handler, std::shared_ptr<std::mt19937> random) {
    handler.bytes = [random](TestHandler& self, std::string_view data) {
        self.outgoing.append(data);
        if ((*random)() % 2 == 0) {
            self.write();
        } else {
            self.socket->request_flush();
        }
        if ((*random)() % 3 != 0) return;
        self.socket->set_reading(false);
        if ((*random)() % 3 == 0) return self.socket->set_reading(true);
        self.socket->loop().post([weak = self.weak_from_this()] {
            if (auto again = weak.lock(); again && again->socket) again->socket->set_reading(true);
        });
    };
}

/// Sends everything, in pieces of any size, from a thread of its own; half of the clients leave abruptly.
template <class Client>
void echo_all(Client& client, const std::string& data, unsigned seed) {
    std::mt19937 random(seed);
    std::size_t sent = 0;
    std::size_t received = 0;
    while (received < data.size()) {
        const std::size_t piece =
            std::min<std::size_t>(1 + random() % (random() % 2 ? 100 : 40'000), data.size() - sent);
        ASSERT_TRUE(client.send(std::string_view(data).substr(sent, piece)));
        sent += piece;
        const std::size_t wanted = sent == data.size() ? sent - received : random() % (sent - received + 1);
        ASSERT_TRUE(client.receive(wanted) == data.substr(received, wanted));
        received += wanted;
    }
}

TEST(TransportStress, NothingIsLostHoweverReadingIsPaused) {
    const TlsCertificate certificate;
    const std::string data = pattern(400'000);
    for (bool tls : {false, true}) {
        auto random = std::make_shared<std::mt19937>(7);
        LoopThread server([random](TestHandler& handler) { make_moody(handler, random); },
                          tls ? with_tls(certificate) : ListenConfig{});
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (unsigned i = 0; i < 5; ++i) {
                    if (tls) {
                        TlsClientSocket client(server.port);
                        echo_all(client, data, t * 100 + i);
                        if (i % 2 == 0) client.tcp().reset();
                    } else {
                        ClientSocket client(server.port);
                        echo_all(client, data, t * 100 + i);
                        if (i % 2 == 0) client.reset();
                    }
                }
            });
        }
        for (auto& thread : threads) thread.join();
        EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 20; }));
    }
}

TEST(TransportStress, ConnectionsMayDieAtAnyMoment) {
    const TlsCertificate certificate;
    for (bool tls : {false, true}) {
        auto random = std::make_shared<std::mt19937>(11);
        LoopThread server(
            [random](TestHandler& handler) {
                make_moody(handler, random);
                handler.flush = [random](TestHandler& self) {
                    self.write();
                    switch ((*random)() % 4) {
                        case 0:
                            return self.socket->close();
                        case 1:
                            return self.socket->shutdown();
                        default:
                            return;
                    }
                };
            },
            tls ? with_tls(certificate) : ListenConfig{});
        std::mt19937 choice(13);
        const std::string data = pattern(100'000);
        for (int i = 0; i < 200; ++i) {
            const std::string_view part = std::string_view(data).substr(0, choice() % data.size());
            if (tls && choice() % 4 != 0) {
                TlsClientSocket client(server.port);
                client.send(part);
                if (choice() % 2 == 0) client.tcp().reset();
            } else {
                ClientSocket client(server.port);
                client.send(part);
                if (choice() % 2 == 0) client.reset();
            }
        }
        EXPECT_TRUE(eventually([&] { return server.counters.destroyed == server.counters.opened; }));
        EXPECT_EQ(server.counters.closed, server.counters.opened);
    }
}

}  // namespace
}  // namespace cryo::transport
