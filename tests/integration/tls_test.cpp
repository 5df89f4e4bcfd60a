#include <fstream>

#include <openssl/err.h>

#include "integration/transport_fixture.h"

namespace cryo::transport {
namespace {

using test::ClientSocket;
using test::TlsCertificate;
using test::TlsClientSocket;

using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

class Tls : public ::testing::Test {
protected:
    TlsCertificate certificate_;
};

TEST_F(Tls, EchoesOverBothVersions) {
    LoopThread server([](TestHandler& handler) { EXPECT_TRUE(handler.socket->is_tls()); }, with_tls(certificate_));
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClientSocket client(server.port, {.maximum_version = version});
        ASSERT_TRUE(client.connected());
        EXPECT_EQ(SSL_version(client.ssl()), version);
        for (int i = 0; i < 100; ++i) {
            const std::string message = "message " + std::to_string(i);
            ASSERT_TRUE(client.send(message));
            ASSERT_EQ(client.receive(message.size()), message);
        }
    }
}

TEST_F(Tls, EchoesEightMebibytesWhateverTheSizeOfTheRecords) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    for (std::size_t record : {std::size_t{100}, std::size_t{16384}, std::size_t{1} << 20}) {
        const std::string data = pattern(record == 100 ? 1 << 20 : 8 << 20);
        TlsClientSocket client(server.port);
        for (std::size_t sent = 0; sent < data.size(); sent += record) {
            const std::string_view part = std::string_view(data).substr(sent, record);
            ASSERT_TRUE(client.send(part));
        }
        EXPECT_TRUE(client.receive(data.size()) == data);
    }
}

TEST_F(Tls, BytesOfOneTurnLeaveInOneRecord) {
    LoopThread server(
        [](TestHandler& handler) {
            handler.bytes = [](TestHandler& self, std::string_view) {
                const std::vector<Bytes> parts(10, as_bytes("0123456789"));
                EXPECT_EQ(self.socket->write(parts), 100u);
            };
        },
        with_tls(certificate_));
    TlsClientSocket client(server.port);
    client.send("go");
    char part[1000];
    std::size_t got = 0;
    ASSERT_EQ(SSL_read_ex(client.ssl(), part, sizeof part, &got), 1);
    EXPECT_EQ(got, 100u);
}

TEST_F(Tls, HandlerIsMadeAfterTheHandshakeEvenIfThePeerSaysNothing) {
    LoopThread server([](TestHandler& handler) { handler.send("welcome"); }, with_tls(certificate_));
    ClientSocket silent(server.port);
    TlsClientSocket client(server.port);
    EXPECT_EQ(client.receive(7), "welcome");
    EXPECT_EQ(server.counters.opened, 1);
}

// Several records arrive with one read; the handler pauses after the first. The others wait in OpenSSL, where no event
// of the socket tells of them.
TEST_F(Tls, ResumedReadingDeliversWhatWaitsInOpenSsl) {
    for (bool from_loop : {true, false}) {
        LoopThread server(
            [from_loop](TestHandler& handler) {
                handler.bytes = [from_loop](TestHandler& self, std::string_view data) {
                    self.send(data);
                    self.socket->set_reading(false);
                    if (!from_loop) return;
                    self.socket->loop().post([weak = self.weak_from_this()] {
                        if (auto handler2 = weak.lock()) handler2->socket->set_reading(true);
                    });
                };
            },
            with_tls(certificate_));
        TlsClientSocket client(server.port);
        const std::string data = pattern(40'000);
        for (std::size_t sent = 0; sent < data.size(); sent += 1000)
            client.send(std::string_view(data).substr(sent, 1000));
        std::size_t received = 0;
        while (received < data.size()) {
            if (!from_loop) {
                server.on_loop([&] {
                    if (auto handler = server.last.lock()) handler->socket->set_reading(true);
                });
            }
            const std::string part = client.receive(1000);
            ASSERT_EQ(part, data.substr(received, 1000));
            received += part.size();
        }
    }
}

TEST_F(Tls, PausedReadingDeliversNothing) {
    LoopThread server([](TestHandler& handler) { handler.socket->set_reading(false); }, with_tls(certificate_));
    TlsClientSocket client(server.port);
    for (int i = 0; i < 10; ++i) client.send("message");
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(server.counters.bytes, 0u);
    server.on_loop([&] { server.last.lock()->socket->set_reading(true); });
    EXPECT_TRUE(eventually([&] { return server.counters.bytes == 70; }));
}

TEST_F(Tls, FullSocketIsStillRead) {
    const std::string flood = pattern(32 << 20);
    LoopThread server(
        [&flood](TestHandler& handler) {
            handler.bytes = [&flood](TestHandler& self, std::string_view data) {
                if (data == "go") self.send(flood);
            };
        },
        with_tls(certificate_));
    TlsClientSocket client(server.port);
    client.send("go");
    ASSERT_TRUE(eventually([&] { return server.counters.flushes > 0; }));
    const auto unsent = server.on_loop([&] { return server.last.lock()->socket->unsent_bytes(); });
    EXPECT_GT(unsent, 0u);
    for (int i = 0; i < 100; ++i) client.send(std::string(10'000, 'x'));
    EXPECT_TRUE(eventually([&] { return server.counters.bytes == 1'000'002; }));
    EXPECT_TRUE(client.receive(flood.size()) == flood);
}

TEST_F(Tls, ShutdownSendsEverythingThenCloseNotify) {
    const std::string data = pattern(8 << 20);
    LoopThread server(
        [&data](TestHandler& handler) {
            handler.bytes = [&data](TestHandler& self, std::string_view) { self.send(data); };
            handler.flush = [](TestHandler& self) {
                if (self.write()) self.socket->shutdown();
            };
        },
        with_tls(certificate_));
    TlsClientSocket client(server.port);
    client.send("go");
    std::this_thread::sleep_for(50ms);  // lets the socket fill up
    const auto received = client.receive_to_end();
    ASSERT_TRUE(received);
    EXPECT_TRUE(*received == data);
    client.tcp().close();
    EXPECT_TRUE(eventually([&] { return server.counters.closed == 1; }));
}

TEST_F(Tls, PeersCloseNotifyClosesTheConnection) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket client(server.port);
    client.send("x");
    ASSERT_EQ(client.receive(1), "x");
    SSL_shutdown(client.ssl());
    EXPECT_TRUE(client.tcp().closed_by_peer());
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 1; }));
}

TEST_F(Tls, CloseIsSafeInsideEveryCallback) {
    for (const char* where : {"open", "bytes", "flush"}) {
        LoopThread server(
            [where](TestHandler& handler) {
                if (where == std::string_view("open")) handler.socket->close();
                handler.bytes = [where](TestHandler& self, std::string_view) {
                    if (where == std::string_view("bytes")) return self.socket->close();
                    self.socket->request_flush();
                };
                handler.flush = [](TestHandler& self) { self.socket->close(); };
            },
            with_tls(certificate_));
        TlsClientSocket client(server.port);
        client.send("go");
        EXPECT_TRUE(client.tcp().closed_by_peer()) << where;
        EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 1; })) << where;
        EXPECT_EQ(server.counters.closed, 1) << where;
    }
}

TEST_F(Tls, GarbageInsteadOfAHandshakeEndsThatConnectionOnly) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket good(server.port);
    ASSERT_TRUE(good.connected());
    for (const std::string& garbage : {std::string("GET / HTTP/1.1\r\n\r\n"), pattern(5000), std::string(64, '\0')}) {
        ClientSocket bad(server.port);
        bad.send(garbage);
        EXPECT_TRUE(bad.closed_by_peer());
    }
    good.send("x");
    EXPECT_EQ(good.receive(1), "x");
    EXPECT_EQ(server.counters.opened, 1);
}

TEST_F(Tls, GarbageAfterTheHandshakeClosesTheConnection) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket client(server.port);
    ASSERT_TRUE(client.connected());
    client.tcp().send("not a TLS record");
    EXPECT_TRUE(client.tcp().closed_by_peer());
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 1; }));
}

TEST_F(Tls, StalledHandshakeIsClosedAfterItsTimeout) {
    ListenConfig config = with_tls(certificate_);
    config.tls_handshake_timeout = 200ms;
    LoopThread server([](TestHandler&) {}, std::move(config));
    TlsClientSocket good(server.port);
    ASSERT_TRUE(good.connected());
    std::vector<ClientSocket> stalled;
    const auto started = Clock::now();
    for (int i = 0; i < 20; ++i) {
        stalled.emplace_back(server.port);
        if (i % 2 == 0) stalled.back().send(std::string("\x16\x03\x01\x02", 4));  // a ClientHello begins
    }
    for (auto& client : stalled) EXPECT_TRUE(client.closed_by_peer());
    EXPECT_GE(Clock::now() - started, 200ms);
    std::this_thread::sleep_for(300ms);
    good.send("x");
    EXPECT_EQ(good.receive(1), "x");
    EXPECT_EQ(server.counters.opened, 1);
    EXPECT_EQ(server.on_loop([&] { return server.loop->socket_count(); }), 1u);
}

TEST_F(Tls, MinimumVersionIsKept) {
    ListenConfig config = with_tls(certificate_);
    config.tls->minimum_version = 13;
    LoopThread server([](TestHandler&) {}, std::move(config));
    EXPECT_FALSE(TlsClientSocket(server.port, {.maximum_version = TLS1_2_VERSION}).connected());
    EXPECT_TRUE(TlsClientSocket(server.port).connected());
}

TEST_F(Tls, OffersHttp11) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket::Options options;
    options.alpn = "http/1.1";
    EXPECT_EQ(TlsClientSocket(server.port, options).alpn(), "http/1.1");
    options.alpn = "h2";
    TlsClientSocket h2(server.port, options);
    EXPECT_TRUE(h2.connected());
    EXPECT_EQ(h2.alpn(), "");
}

TEST_F(Tls, SessionsAreResumed) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClientSocket first(server.port, {.maximum_version = version});
        first.send("x");
        ASSERT_EQ(first.receive(1), "x");
        const SessionPtr session(SSL_get1_session(first.ssl()), SSL_SESSION_free);
        TlsClientSocket second(server.port, {.maximum_version = version, .resume = session.get()});
        ASSERT_TRUE(second.connected());
        EXPECT_EQ(SSL_session_reused(second.ssl()), 1);
    }
}

TEST_F(Tls, ClientCertificateIsRequiredAndVerifiedWhenThereIsACa) {
    const TlsCertificate ca("client CA");
    const TlsCertificate known("known client", TlsCertificate::KeyType::ec, &ca);
    const TlsCertificate unknown("unknown client");
    ListenConfig config = with_tls(certificate_);
    config.tls->client_ca_file = ca.certificate_file();
    LoopThread server([](TestHandler&) {}, std::move(config));
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto echoes = [&](const TlsCertificate* certificate) {
            TlsClientSocket::Options options;
            options.maximum_version = version;
            if (certificate) {
                options.certificate_file = certificate->certificate_file();
                options.key_file = certificate->key_file();
            }
            TlsClientSocket client(server.port, options);
            return client.connected() && client.send("x") && client.receive(1) == "x";
        };
        EXPECT_TRUE(echoes(&known));
        EXPECT_FALSE(echoes(nullptr));
        EXPECT_FALSE(echoes(&unknown));
    }
}

TEST_F(Tls, ReloadedCertificateIsForNewConnections) {
    const TlsCertificate renewed("renewed", TlsCertificate::KeyType::rsa);
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket before(server.port);
    EXPECT_EQ(before.server_name(), "localhost");
    const auto reloaded = server.on_loop([&] { return server.loop->reload_certificate(*with_tls(renewed).tls); });
    ASSERT_TRUE(reloaded) << reloaded.error().message;
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        EXPECT_EQ(TlsClientSocket(server.port, {.maximum_version = version}).server_name(), "renewed");
    }
    before.send("x");
    EXPECT_EQ(before.receive(1), "x");
}

TEST_F(Tls, ReloadTakesANewClientCaToo) {
    const TlsCertificate ca("client CA");
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    auto config = *with_tls(certificate_).tls;
    config.client_ca_file = ca.certificate_file();
    ASSERT_TRUE(server.on_loop([&] { return server.loop->reload_certificate(config); }));
    TlsClientSocket client(server.port);
    EXPECT_FALSE(client.connected() && client.send("x") && client.receive(1) == "x");
}

TEST_F(Tls, ReloadEndsTheResumptionOfOldSessions) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    TlsClientSocket first(server.port);
    first.send("x");
    ASSERT_EQ(first.receive(1), "x");
    const SessionPtr session(SSL_get1_session(first.ssl()), SSL_SESSION_free);
    ASSERT_TRUE(server.on_loop([&] { return server.loop->reload_certificate(*with_tls(certificate_).tls); }));
    TlsClientSocket second(server.port, {.resume = session.get()});
    ASSERT_TRUE(second.connected());
    EXPECT_EQ(SSL_session_reused(second.ssl()), 0);
}

TEST_F(Tls, FailedReloadLeavesTheOldCertificateInUse) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    auto config = *with_tls(certificate_).tls;
    config.key_file = TlsCertificate("other").key_file();  // gone already
    const auto reloaded = server.on_loop([&] { return server.loop->reload_certificate(config); });
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(reloaded.error().code, Errc::tls_configuration);
    EXPECT_EQ(TlsClientSocket(server.port).server_name(), "localhost");

    LoopThread plain;
    const auto wrong = plain.on_loop([&] { return plain.loop->reload_certificate(config); });
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::wrong_state);
}

TEST_F(Tls, FilesThatWereLoadedAreNotReadAgain) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    auto loaded = load_tls_files(*with_tls(TlsCertificate("loaded")).tls);  // whose files are gone already
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(server.on_loop([&] { return server.loop->reload_certificate(*loaded); }));
    EXPECT_EQ(TlsClientSocket(server.port).server_name(), "loaded");
}

TEST_F(Tls, BadFilesAreNamed) {
    const TlsCertificate other("other");
    const std::string rubbish = certificate_.directory() / "rubbish.pem";
    std::ofstream(rubbish) << "not PEM\n";
    const std::string missing = certificate_.directory() / "missing.pem";
    const auto good = *with_tls(certificate_).tls;
    EXPECT_TRUE(check_tls_files(good));

    const auto message_of = [&](auto change) {
        TlsConfig config = good;
        change(config);
        const auto checked = check_tls_files(config);
        EXPECT_FALSE(checked);
        return checked ? std::string() : checked.error().message;
    };
    const auto contains = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos ? ::testing::AssertionSuccess()
                                                    : ::testing::AssertionFailure() << text << " lacks " << part;
    };
    std::string message = message_of([&](TlsConfig& c) { c.certificate_file = missing; });
    EXPECT_EQ(message, "cannot read the TLS certificate file " + missing + ": No such file or directory");
    message = message_of([&](TlsConfig& c) { c.key_file = missing; });
    EXPECT_EQ(message, "cannot read the TLS key file " + missing + ": No such file or directory");
    message = message_of([&](TlsConfig& c) { c.client_ca_file = missing; });
    EXPECT_EQ(message, "cannot read the TLS client CA file " + missing + ": No such file or directory");
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.certificate_file = rubbish; }), rubbish));
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.key_file = rubbish; }), rubbish));
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.client_ca_file = rubbish; }), rubbish));
    message = message_of([&](TlsConfig& c) { c.key_file = other.key_file(); });
    EXPECT_TRUE(contains(message, "does not belong"));
    EXPECT_TRUE(contains(message, other.key_file()));
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.certificate_file.clear(); }), "certificate"));
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.minimum_version = 11; }), "minimum TLS version"));
    EXPECT_TRUE(contains(message_of([&](TlsConfig& c) { c.key_file = certificate_.directory(); }), "key"));
}

TEST_F(Tls, CreateNamesTheBadFile) {
    auto listener = bind_listener("127.0.0.1", 0, false, true);
    ASSERT_TRUE(listener);
    ListenConfig config = with_tls(certificate_);
    config.fd = listener->fd;
    config.tls->key_file = "/nonexistent/key.pem";
    auto loop = Loop::create(std::move(config), [](Socket&) { return nullptr; });
    ASSERT_FALSE(loop);
    EXPECT_EQ(loop.error().code, Errc::tls_configuration);
}

TEST_F(Tls, SurvivesFiveHundredConnectionsThatComeAndGo) {
    LoopThread server([](TestHandler&) {}, with_tls(certificate_));
    for (int i = 0; i < 500; ++i) {
        TlsClientSocket client(server.port);
        ASSERT_TRUE(client.send("x"));
        ASSERT_EQ(client.receive(1), "x");
        if (i % 2 == 0) client.tcp().reset();
    }
    EXPECT_TRUE(eventually([&] { return server.counters.destroyed == 500; }));
    EXPECT_EQ(server.counters.closed, 500);
}

}  // namespace
}  // namespace cryo::transport
