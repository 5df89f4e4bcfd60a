#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "redis_fixture.h"

namespace cryo::test {
namespace {

using redis::Health;

TEST(RedisAccess, LogsInWithAPassword) {
    RedisServer server({"--requirepass", "s3cret"});
    auto options = TestClient::options_for(server);
    options.credentials.password = "s3cret";
    options.database = 3;
    options.client_name = "cryo-test";
    TestClient client(options);
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    const std::string list = server.command({"CLIENT", "LIST"});
    EXPECT_NE(list.find("name=cryo-test"), std::string::npos) << list;
    EXPECT_NE(list.find("db=3"), std::string::npos) << list;
    EXPECT_FALSE(client.log().has("s3cret"));
}

TEST(RedisAccess, SaysThatAPasswordIsWrong) {
    RedisServer server({"--requirepass", "s3cret"});
    auto options = TestClient::options_for(server);
    options.credentials.password = "wr0ng";
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("AUTH refused: WRONGPASS")) << client.log().text();
    EXPECT_FALSE(client.log().has("wr0ng"));
    EXPECT_EQ(server.command({"CONFIG", "SET", "requirepass", "wr0ng"}), "OK");
    EXPECT_TRUE(client.becomes(Health::ready)) << "it tries again";
}

/// Refuses whatever it is told, and repeats it: as servers do that do not know a command.
class RepeatingServer {
public:
    RepeatingServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 8) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
            throw std::runtime_error("no server");
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    RepeatingServer(const RepeatingServer&) = delete;
    RepeatingServer& operator=(const RepeatingServer&) = delete;
    ~RepeatingServer() {
        ::shutdown(listener_, SHUT_RDWR);  // ends `accept`
        thread_.join();
        ::close(listener_);
    }

    std::uint16_t port() const noexcept { return port_; }

private:
    void run() const {
        for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0; fd = ::accept(listener_, nullptr, nullptr)) {
            std::array<char, 4096> buffer{};
            const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
            std::string said(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
            std::replace_if(
                said.begin(), said.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
            const std::string reply = "-ERR unknown command, with args beginning with: " + said + "\r\n";
            ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
            ::close(fd);
        }
    }

    const int listener_;
    std::uint16_t port_ = 0;
    std::thread thread_{};
};

TEST(RedisAccess, LogsNoPasswordThatTheServerRepeats) {
    const RepeatingServer server;
    redis::Options options;
    options.address.port = server.port();
    options.credentials.password = "s3cret";
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("AUTH refused: ERR")) << client.log().text();
    EXPECT_FALSE(client.log().has("s3cret"));
}

TEST(RedisAccess, SaysThatAPasswordIsMissing) {
    RedisServer server({"--requirepass", "s3cret"});
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("PING refused: NOAUTH")) << client.log().text();
}

TEST(RedisAccess, LogsInAsAUserWithLimitedRights) {
    RedisServer server;
    ASSERT_EQ(server.command({"ACL", "SETUSER", "app", "on", ">pw", "~app:*", "+get", "+set", "+ping"}), "OK");
    auto options = TestClient::options_for(server);
    options.credentials = {.username = "app", .password = "pw"};
    TestClient client(options);
    EXPECT_EQ(client.say({"SET", "app:k", "v"}), "OK");
    const auto answer = client.ask({"SET", "other", "v"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::refused);
    EXPECT_TRUE(answer.error().message.starts_with("NOPERM")) << answer.error().message;
}

TEST(RedisAccess, SaysThatADatabaseDoesNotExist) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.database = 999;
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("SELECT refused: ERR")) << client.log().text();
}

TEST(RedisAccess, ConnectsByAUnixSocket) {
    RedisServer server;
    ASSERT_EQ(server.command({"CONFIG", "GET", "unixsocket"}), "unixsocket\n");
    RedisServer with_socket({"--unixsocket", server.directory() / "socket"});
    auto options = TestClient::options_for(server);
    options.unix_path = server.unix_path();
    TestClient client(options);
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    EXPECT_EQ(with_socket.command({"GET", "k"}), "v");
}

TEST(RedisAccess, ResolvesNames) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.address.host = "localhost";
    TestClient client(options);
    EXPECT_EQ(client.say({"PING"}), "PONG");
}

TEST(RedisAccess, ResolvesNamesOnThreadsOfOthers) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.address.host = "localhost";
    options.resolver = std::make_shared<WorkerPool>(1);
    TestClient client(options);
    EXPECT_EQ(client.say({"PING"}), "PONG");
}

TEST(RedisAccess, SaysThatANameDoesNotExist) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.address.host = "no-such-host.invalid";
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("no-such-host.invalid") || client.log().has("cannot find the server"))
        << client.log().text();
}

TEST(RedisAccess, RefusesBadOptions) {
    TestLoop loop;
    const auto made = loop.run([&] { return redis::Client::create(loop.get(), {.max_pending_commands = 0}); });
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::invalid_option);
}

// -- TLS -------------------------------------------------------------------------------------------------------------

class RedisTls : public ::testing::Test {
protected:
    /// @param ask_clients whether they must present a certificate
    void serve(const TlsCertificate& certificate, bool ask_clients) {
        tls_port_ = free_redis_port();
        server_ =
            std::make_unique<RedisServer>(RedisServer::tls_arguments(certificate, authority_, tls_port_, ask_clients));
    }
    redis::Options options(const TlsCertificate& authority) {
        auto options = TestClient::options_for(*server_);
        options.address.port = tls_port_;
        options.tls = redis::ClientTls{.ca_file = authority.certificate_file()};
        return options;
    }

    TlsCertificate authority_{"authority"};
    TlsCertificate certificate_{"localhost", TlsCertificate::KeyType::ec, &authority_};
    std::uint16_t tls_port_ = 0;
    std::unique_ptr<RedisServer> server_;
};

TEST_F(RedisTls, Connects) {
    serve(certificate_, false);
    TestClient client(options(authority_));
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    EXPECT_EQ(server_->command({"GET", "k"}), "v");
    const std::string large(5u << 20, 'x');
    EXPECT_EQ(client.say({"SET", "large", large}), "OK");
    EXPECT_TRUE(client.say({"GET", "large"}) == large);
}

TEST_F(RedisTls, PipelinesAndConnectsAgain) {
    serve(certificate_, false);
    auto with_name = options(authority_);
    with_name.address.host = "localhost";
    TestClient client(with_name);
    for (int round = 0; round < 3; ++round) {
        const auto answers = client.begin_all(std::vector<TestClient::Words>(1000, {"ECHO", std::string(300, 'x')}));
        for (int i = 0; i < 1000; ++i) ASSERT_EQ(words_of(TestClient::take(answers)), std::string(300, 'x'));
        const auto connects = client.stats().connects;
        server_->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        ASSERT_TRUE(eventually([&] { return client.stats().connects > connects; }));
    }
}

TEST_F(RedisTls, RefusesAnUnknownAuthority) {
    serve(certificate_, false);
    const TlsCertificate other("other");
    TestClient client(options(other));
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("certificate")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

TEST_F(RedisTls, RefusesAnotherName) {
    serve(certificate_, false);
    auto named = options(authority_);
    named.tls->server_name = "redis.example";
    TestClient client(named);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("hostname mismatch")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

TEST_F(RedisTls, PresentsItsCertificate) {
    serve(certificate_, true);
    const TlsCertificate own("client", TlsCertificate::KeyType::ec, &authority_);
    auto with_own = options(authority_);
    with_own.tls->certificate_file = own.certificate_file();
    with_own.tls->key_file = own.key_file();
    TestClient client(with_own);
    EXPECT_EQ(client.say({"PING"}), "PONG");
    TestClient without(options(authority_));
    EXPECT_TRUE(without.becomes(Health::away));
    EXPECT_EQ(without.stats().connects, 0u);
}

TEST_F(RedisTls, NamesFilesThatCannotBeUsed) {
    serve(certificate_, false);
    TestLoop loop;
    const auto message_of = [&](const redis::ClientTls& tls) {
        auto with_tls = options(authority_);
        with_tls.tls = tls;
        const auto made = loop.run([&] { return redis::Client::create(loop.get(), with_tls); });
        EXPECT_FALSE(made);
        if (made) return std::string();
        EXPECT_EQ(made.error().code, Errc::tls_configuration);
        return made.error().message;
    };
    const std::string missing = server_->directory() / "missing.pem";
    EXPECT_EQ(message_of({.ca_file = missing}),
              "cannot read the TLS CA file " + missing + ": No such file or directory");
    EXPECT_NE(message_of({.ca_file = server_->directory() / "redis.conf"}).find("redis.conf"), std::string::npos);
    EXPECT_NE(message_of({.certificate_file = certificate_.certificate_file(), .key_file = authority_.key_file()})
                  .find("belongs to"),
              std::string::npos);
}

}  // namespace
}  // namespace cryo::test
