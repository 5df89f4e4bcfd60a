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

}  // namespace
}  // namespace cryo::test
