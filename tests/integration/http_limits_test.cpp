// Bad and slow HTTP: it ends with an answer or without one, in bounded memory and time.

#include <vector>

#include <gtest/gtest.h>

#include "support/http_client.h"
#include "support/test_server.h"

namespace cryo::test {
namespace {

using namespace std::chrono_literals;

class HttpLimitsTest : public ::testing::Test {
protected:
    void start(const ServerOptions& options = TestServer::quick_options()) {
        server_.emplace(options);
        const auto ok = [](const HttpRequest&, HttpReply reply) { reply.send(HttpResponse::text(200, "ok")); };
        const auto big = [](const HttpRequest&, HttpReply reply) { reply.send({.body = std::string(8u << 20, 'x')}); };
        ASSERT_TRUE((*server_)->http("GET", "/", ok));
        ASSERT_TRUE((*server_)->http("POST", "/", ok));
        ASSERT_TRUE((*server_)->http("GET", "/big", big));
        server_->start();
    }

    static ServerOptions impatient() {
        auto options = TestServer::quick_options();
        options.handshake_timeout = 200ms;
        return options;
    }

    HttpClient connect(ClientSocket::Options options = {.timeout = kPatience}) {
        return HttpClient(server_->port(), options);
    }

    bool all_closed() {
        return eventually([&] { return (*server_)->stats().connections == 0; });
    }

    std::optional<TestServer> server_;
};

TEST_F(HttpLimitsTest, RefusesWhatIsMalformedOrAmbiguous) {
    start();
    const std::string post = "POST / HTTP/1.1\r\nHost: t\r\n";
    const std::pair<std::string, int> cases[] = {
        {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03", 400},
        {"HELLO\r\n\r\n", 400},
        {std::string(100, '\0'), 400},
        {"GET / HTTP/1.1\nHost: t\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: t\nX: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : t\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\n folded\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: t\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n", 501},
        {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
        {post + "Content-Length: 1, 1\r\n\r\na", 400},
        {post + "Content-Length: -1\r\n\r\n", 400},
        {post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n", 400},
        {post + "Content-Length: 1048577\r\n\r\n", 413},
        {post + "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413},
        {post + "Expect: a miracle\r\n\r\n", 417},
    };
    for (const auto& [request, status] : cases) {
        auto client = connect();
        const auto answer = client.ask(request + "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        ASSERT_TRUE(answer) << request;
        EXPECT_EQ(answer->status, status) << request;
        EXPECT_EQ(answer->header("Connection"), "close") << request;
        EXPECT_TRUE(client.at_end()) << "what follows is not read as a request: " << request;
    }
    EXPECT_EQ((*server_)->stats().bad_requests, std::size(cases));
    EXPECT_EQ(connect().get("/")->status, 200);
}

TEST_F(HttpLimitsTest, EndlessRequestLinesAndHeadersEnd) {
    start();
    auto line = connect();
    line.send("GET /" + std::string(9'000, 'a'));
    EXPECT_EQ(line.next()->status, 414);
    EXPECT_TRUE(line.at_end());

    auto headers = connect();
    headers.send("GET / HTTP/1.1\r\nHost: t\r\n");
    for (int i = 0; i < 20'000; ++i) headers.send("X-Header: 0123456789012345678901234567890123456789\r\n");
    EXPECT_EQ(headers.next()->status, 431);
    EXPECT_TRUE(headers.at_end());

    auto many = connect();
    std::string lines;
    for (int i = 0; i < 101; ++i) lines += "A: b\r\n";
    EXPECT_EQ(many.get("/", lines)->status, 431);
}

TEST_F(HttpLimitsTest, HalfARequestGets408) {
    start(impatient());
    for (const std::string half :
         {"G", "GET / HTTP/1.1\r\nHost: t\r\n", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf"}) {
        auto client = connect();
        const auto answer = client.ask(half);
        ASSERT_TRUE(answer) << half;
        EXPECT_EQ(answer->status, 408);
        EXPECT_TRUE(client.at_end());
    }
    EXPECT_TRUE(all_closed());
    EXPECT_EQ((*server_)->stats().bad_requests, 3u);
}

TEST_F(HttpLimitsTest, TricklingBytesBuyNoTime) {
    start(impatient());
    auto client = connect();
    client.send("GET / HTTP/1.1\r\nHost: t\r\nX: ");
    while (!client.socket().readable(10ms)) client.send("x");
    EXPECT_EQ(client.next()->status, 408);
}

TEST_F(HttpLimitsTest, SilenceIsClosedWithoutAnAnswer) {
    start(impatient());
    auto client = connect();
    EXPECT_TRUE(client.at_end());
    auto idle = connect();
    EXPECT_EQ(idle.get("/")->status, 200);
    EXPECT_TRUE(idle.at_end()) << "nor does a kept-alive connection stay for ever";
    EXPECT_TRUE(all_closed());
}

TEST_F(HttpLimitsTest, FiveHundredSilentSocketsAreClosed) {
    auto options = TestServer::quick_options();
    options.handshake_timeout = 1000ms;
    start(options);
    std::vector<ClientSocket> silent;
    for (int i = 0; i < 500; ++i) {
        silent.emplace_back(server_->port(), ClientSocket::Options{.timeout = kPatience});
        ASSERT_TRUE(silent.back().connected()) << "open files: " << i;
    }
    EXPECT_EQ(connect().get("/")->status, 200);
    for (auto& socket : silent) EXPECT_TRUE(socket.closed_by_peer(kPatience));
    EXPECT_TRUE(all_closed());
    EXPECT_GE((*server_)->stats().accepted, 501u);
}

TEST_F(HttpLimitsTest, ConnectionsOverTheLimitAreClosed) {
    auto options = TestServer::quick_options();
    options.max_sessions = options.max_connections = 3;
    start(options);
    std::vector<HttpClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(connect());
        EXPECT_EQ(clients.back().get("/")->status, 200);
    }
    EXPECT_TRUE(connect().socket().closed_by_peer(kPatience));
    clients.pop_back();
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().connections == 2; }));
    EXPECT_EQ(connect().get("/")->status, 200);
}

TEST_F(HttpLimitsTest, BigAnswersReachSlowReadersWhole) {
    start();
    auto client = connect({.timeout = kPatience, .receive_buffer = 4096});
    client.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_TRUE(client.next()->body == std::string(8u << 20, 'x'));
    EXPECT_EQ(client.next()->body, "ok");
}

TEST_F(HttpLimitsTest, WhoDoesNotReadTheAnswerIsCut) {
    start(impatient());
    auto client = connect({.timeout = kPatience, .receive_buffer = 4096});
    client.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().accepted == 1; }));
    EXPECT_TRUE(all_closed());
}

TEST_F(HttpLimitsTest, PeersThatResetInTheMiddleHarmNobody) {
    start();
    for (const std::string part : {"", "GET / HT", "GET /big HTTP/1.1\r\nHost: t\r\n\r\n"}) {
        auto client = connect();
        client.send(part);
        client.socket().reset();
    }
    EXPECT_EQ(connect().get("/")->status, 200);
    EXPECT_TRUE(all_closed());
}

}  // namespace
}  // namespace cryo::test
