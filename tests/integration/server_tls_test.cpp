// The server over TLS: sessions and endpoints, versions, client certificates, reloading.

#include <atomic>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/session_fixture.h"
#include "support/tls_certificate.h"

namespace cryo::test {
namespace {

TlsOptions files_of(const TlsCertificate& certificate) {
    return {.certificate_file = certificate.certificate_file(), .key_file = certificate.key_file()};
}

ServerOptions tls_options(const TlsCertificate& certificate) {
    auto options = TestServer::quick_options();
    options.tls = files_of(certificate);
    return options;
}

std::shared_ptr<TlsCryoClient> connect_tls(CryoServer& server, TlsCryoClient::Options options = {}) {
    return std::make_shared<TlsCryoClient>(server.port(), std::move(options));
}

TlsCryoClient::Options version(int only) {
    TlsCryoClient::Options options;
    options.socket.minimum_version = options.socket.maximum_version = only;
    return options;
}

class TlsVersion : public testing::TestWithParam<int> {
protected:
    TlsCertificate certificate{};
};

TEST_P(TlsVersion, CarriesSessions) {
    CryoServer server(tls_options(certificate));
    server.start();
    const auto client = connect_tls(server, version(GetParam()));
    ASSERT_EQ(client->status(), 101);
    EXPECT_EQ(SSL_version(client->socket().ssl()), GetParam());
    for (int i = 0; i < 500; ++i) (*client)->send_text(std::to_string(i));
    for (int i = 0; i < 500; ++i) ASSERT_EQ(client->next_text(), std::to_string(i));
    EXPECT_FALSE(server.next_session()->secure()) << "that is about CALE";
    client->send_close(4000);
    EXPECT_EQ(client->close_code(), 4000);
    EXPECT_EQ(server.next_end(), (Ended{4000, "", true}));
}

TEST_P(TlsVersion, CarriesLargeMessages) {
    CryoServer server(tls_options(certificate));
    server.start();
    const auto client = connect_tls(server, version(GetParam()));
    const std::string text(3u << 20, 'x');
    EXPECT_EQ(client->echo(text), text);
}

TEST_P(TlsVersion, CarriesCaleWithinIt) {
    auto options = tls_options(certificate);
    options.use_cale = true;
    CryoServer server(std::move(options));
    server.start();
    const auto client = connect_tls(server, version(GetParam()));
    ASSERT_TRUE(client->secured());
    EXPECT_EQ(client->echo("twice sealed"), "twice sealed");
}

TEST_P(TlsVersion, EndpointsAndRoutesWorkToo) {
    CryoServer server(tls_options(certificate));
    ASSERT_TRUE(server->websocket("/ws", echo_handlers()));
    ASSERT_TRUE(
        server->http("GET", "/health", [](const HttpRequest&, HttpReply reply) { reply.send({.body = "ok"}); }));
    server.start();
    TlsClientSocket::Options options;
    options.minimum_version = options.maximum_version = GetParam();
    TlsClientSocket socket(server.port(), options);
    ASSERT_TRUE(socket.connected());
    socket.send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const auto answer = socket.receive_to_end();
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->ends_with("\r\n\r\nok"));

    TlsClientSocket endpoint(server.port(), options);
    endpoint.send(upgrade_request("/ws"));
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        const auto byte = endpoint.receive(1);
        ASSERT_FALSE(byte.empty());
        head += byte;
    }
    endpoint.send(frame(kText, "hi"));
    EXPECT_EQ(endpoint.receive(4), "\x81\x02hi");
}

TEST_P(TlsVersion, SlowReadersAreThrottledAndGetEverything) {
    auto options = tls_options(certificate);
    options.backpressure.high_water_mark = 256u << 10;
    options.backpressure.low_water_mark = 64u << 10;
    CryoServer server(std::move(options));
    server.start();
    auto narrow = version(GetParam());
    narrow.socket.tcp.receive_buffer = 4096;
    const auto client = connect_tls(server, std::move(narrow));
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    const std::string filling(1000, '.');
    const int sent = on_loop(*session, [&] {
        int count = 0;
        while (session->send_utf8(std::to_string(count) + filling) == SendStatus::sent) ++count;
        return count + 1;  // the last was queued
    });
    const auto stats = on_loop(*session, [&] { return session->stats().connection; });
    EXPECT_TRUE(stats.throttled);
    EXPECT_LE(stats.unsent_bytes, (256u << 10) + (32u << 10));
    for (int i = 0; i < sent; ++i) ASSERT_EQ(client->next_text(), std::to_string(i) + filling);
    EXPECT_TRUE(eventually([&] { return !on_loop(*session, [&] { return session->stats().connection.throttled; }); }));
}

TEST_P(TlsVersion, ReadingPausesAndResumes) {
    std::atomic<int> seen{0};
    CryoServer server(tls_options(certificate), [&](Session& session) {
        session.on_message_utf8([&](Session& self, std::string_view text) {
            if (++seen == 1) self.pause_reading();
            self.send_utf8(text);
        });
    });
    server.start();
    const auto client = connect_tls(server, version(GetParam()));
    ASSERT_EQ(client->status(), 101);
    const auto session = server.next_session();
    for (int i = 0; i < 200; ++i) (*client)->send_text(std::to_string(i));
    ASSERT_EQ(client->next_text(), "0");
    for (int i = 0; i < 5; ++i) on_loop(*session, [] {});
    EXPECT_EQ(seen, 1);
    session->resume_reading();
    for (int i = 1; i < 200; ++i) ASSERT_EQ(client->next_text(), std::to_string(i));
}

TEST_P(TlsVersion, DrainsWithACloseAndCloseNotify) {
    CryoServer server(tls_options(certificate));
    server.start();
    const auto client = connect_tls(server, version(GetParam()));
    ASSERT_EQ(client->status(), 101);
    server->stop();
    EXPECT_EQ(client->close_code(), 4000);
    EXPECT_EQ(client->socket().receive_to_end(), "");
    server->wait();
}

INSTANTIATE_TEST_SUITE_P(Tls, TlsVersion, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version_info) {
                             return version_info.param == TLS1_2_VERSION ? "v1_2" : "v1_3";
                         });

TEST(ServerTls, MinimumVersionIsKept) {
    const TlsCertificate certificate;
    auto options = tls_options(certificate);
    options.tls->minimum_version = TlsOptions::Version::tls_1_3;
    CryoServer server(std::move(options));
    server.start();
    EXPECT_EQ(connect_tls(server, version(TLS1_2_VERSION))->status(), 0);
    EXPECT_EQ(connect_tls(server, version(TLS1_3_VERSION))->status(), 101);
}

TEST(ServerTls, PlainClientsGetNothing) {
    const TlsCertificate certificate;
    CryoServer server(tls_options(certificate));
    server.start();
    EXPECT_NE(connect(server)->status(), 101);
    EXPECT_EQ(connect_tls(server)->status(), 101);
}

TEST(ServerTls, ClientCertificatesAreRequiredWhenACaIsNamed) {
    const TlsCertificate certificate, ca("ca"), stranger("stranger");
    const TlsCertificate friendly("friend", TlsCertificate::KeyType::ec, &ca);
    auto options = tls_options(certificate);
    options.tls->client_ca_file = ca.certificate_file();
    CryoServer server(std::move(options));
    server.start();
    const auto with = [](const TlsCertificate& own) {
        TlsCryoClient::Options client;
        client.socket.certificate_file = own.certificate_file();
        client.socket.key_file = own.key_file();
        return client;
    };
    EXPECT_EQ(connect_tls(server, with(friendly))->status(), 101);
    EXPECT_EQ(connect_tls(server, with(stranger))->status(), 0);
    EXPECT_EQ(connect_tls(server)->status(), 0);
    EXPECT_EQ(server->stats().upgrades, 1U);
}

TEST(ServerTls, SeveralLoopsAndServersLeaveNothingBehind) {
    // What is left shows in a run with LeakSanitizer.
    const TlsCertificate certificate;
    auto options = tls_options(certificate);
    options.threads = 3;
    CryoServer first(options), second(options);
    first.start();
    second.start();
    EXPECT_EQ(connect_tls(first)->echo("x"), "x");
    EXPECT_EQ(connect_tls(second)->echo("y"), "y");
}

TEST(ServerTls, ReloadServesTheNewCertificateAndKeepsOldSessions) {
    const TlsCertificate before("before"), after("after");
    auto options = tls_options(before);
    options.threads = 2;
    CryoServer server(std::move(options));
    server.start();
    const auto old = connect_tls(server);
    ASSERT_EQ(old->echo("x"), "x");
    EXPECT_EQ(old->socket().server_name(), "before");
    ASSERT_TRUE(server->reload_tls(files_of(after)));
    for (int i = 0; i < 10; ++i) {
        const auto client = connect_tls(server);
        EXPECT_EQ(client->echo("y"), "y");
        EXPECT_EQ(client->socket().server_name(), "after");
    }
    EXPECT_EQ(old->echo("still here"), "still here");
}

TEST(ServerTls, BadReloadNamesTheFileAndChangesNothing) {
    const TlsCertificate good("good"), other;
    CryoServer server(tls_options(good));
    server.start();
    const auto garbage = (other.directory() / "garbage.pem").string();
    std::ofstream(garbage) << "no certificate";
    const std::pair<TlsOptions, std::string> cases[] = {
        {{.certificate_file = "/nowhere.pem", .key_file = good.key_file()}, "/nowhere.pem"},
        {{.certificate_file = garbage, .key_file = good.key_file()}, garbage},
        {{.certificate_file = good.certificate_file(), .key_file = garbage}, garbage},
        {{.certificate_file = good.certificate_file(), .key_file = other.key_file()}, other.key_file()},
    };
    for (const auto& [files, named] : cases) {
        const auto result = server->reload_tls(files);
        ASSERT_FALSE(result) << named;
        EXPECT_EQ(result.error().code, Errc::tls_configuration);
        EXPECT_NE(result.error().message.find(named), std::string::npos) << result.error().message;
    }
    const auto client = connect_tls(server);
    EXPECT_EQ(client->echo("x"), "x");
    EXPECT_EQ(client->socket().server_name(), "good");
}

TEST(ServerTls, ReloadOfAServerWithoutTlsIsAnError) {
    const TlsCertificate certificate;
    CryoServer server;
    server.start();
    EXPECT_EQ(server->reload_tls(files_of(certificate)).error().code, Errc::wrong_state);
}

TEST(ServerTls, ReloadOfAServerThatDoesNotRunIsAnError) {
    const TlsCertificate certificate;
    CryoServer server(tls_options(certificate));
    EXPECT_EQ(server->reload_tls(files_of(certificate)).error().code, Errc::wrong_state);
    server.start();
    EXPECT_TRUE(server->reload_tls(files_of(certificate)));
    server->stop();
    server->wait();
    EXPECT_EQ(server->reload_tls(files_of(certificate)).error().code, Errc::wrong_state);
}

TEST(ServerTls, UpgradeBehindALargeResponseOpensItsSession) {
    // A response that fills the TLS stream, and an upgrade right behind it.
    const TlsCertificate certificate;
    CryoServer server(tls_options(certificate));
    ASSERT_TRUE(server->http("GET", "/big/:kib", [](const HttpRequest& request, HttpReply reply) {
        reply.send({.body = std::string(std::stoul(std::string(request.param("kib"))) << 10, 'x')});
    }));
    server.start();
    for (int kib = 2048; kib < 8192; kib += 1024) {
        TlsClientSocket::Options options;
        options.tcp.receive_buffer = 4096;
        options.tcp.timeout = kPatience;
        TlsClientSocket client(server.port(), options);
        const Sid sid = fresh_sid();
        client.send("GET /big/" + std::to_string(kib) + " HTTP/1.1\r\nHost: x\r\n\r\n" +
                    upgrade_request("/?authorization=Bearer%20secret&x-cryo-sid=" + to_text(sid)));
        std::string head;
        while (!head.ends_with("\r\n\r\n")) head += client.receive(1);
        client.receive(static_cast<std::size_t>(kib) << 10);
        head = client.receive(12);
        EXPECT_EQ(head, "HTTP/1.1 101") << kib;
    }
}

}  // namespace
}  // namespace cryo::test
