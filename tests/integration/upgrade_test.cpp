// Who gets a 101, and what the others get instead.

#include <thread>

#include "endpoint_fixture.h"

namespace cryo::test {
namespace {

using AdmitHandler = std::function<void(const HttpRequest&, UpgradeReply)>;

class Upgrade : public ::testing::Test {
protected:
    void start(const ServerOptions& options = TestServer::quick_options(), AdmitHandler admit = {}) {
        server_.emplace(options, nullptr);
        auto handlers = echo_handlers();
        handlers.admit = std::move(admit);
        ASSERT_TRUE((*server_)->websocket("/ws", events_.handlers(std::move(handlers))));
        server_->start();
    }

    /// Keeps the decision for the test to make.
    AdmitHandler undecided() {
        return [this](const HttpRequest&, UpgradeReply reply) { pending_.push(std::move(reply)); };
    }

    WsClient connect(std::string_view lines = {}) { return WsClient(server_->port(), "/ws", lines); }

    void expect_refused(std::string_view request, int status) {
        HttpClient client(server_->port());
        const auto answer = client.ask(request);
        ASSERT_TRUE(answer) << request;
        EXPECT_EQ(answer->status, status) << request;
        EXPECT_EQ(answer->header("Content-Type"), "text/plain; charset=utf-8");
        EXPECT_NE(answer->body, "");
        EXPECT_TRUE(client.at_end()) << request;
    }

    Inbox<UpgradeReply> pending_;
    EndpointEvents events_;
    std::optional<TestServer> server_;
};

std::string without(std::string request, std::string_view name) {
    const auto begin = request.find(std::string(name) + ":");
    return request.erase(begin, request.find("\r\n", begin) + 2 - begin);
}

std::string with(std::string request, std::string_view name, std::string_view value) {
    request = without(std::move(request), name);
    return request.insert(request.size() - 2, std::string(name) + ": " + std::string(value) + "\r\n");
}

TEST_F(Upgrade, MalformedOnesGet400) {
    start();
    const auto good = WsClient::request("/ws");
    expect_refused(without(good, "Connection"), 400);
    expect_refused(without(good, "Sec-WebSocket-Key"), 400);
    expect_refused(with(good, "Sec-WebSocket-Key", "too short"), 400);
    expect_refused(with(good, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=!"), 400);
    expect_refused(good.substr(0, good.size() - 2) + "Sec-WebSocket-Key: " + std::string(WsClient::kKey) + "\r\n\r\n",
                   400);
    expect_refused("POST" + good.substr(3), 400);
    EXPECT_EQ((*server_)->stats().refused_upgrades, 6u);
    EXPECT_EQ((*server_)->stats().upgrades, 0u);
    EXPECT_TRUE(connect().connected());
}

TEST_F(Upgrade, OtherVersionsGet426AndTheRightOne) {
    start();
    for (const auto& request : {without(WsClient::request("/ws"), "Sec-WebSocket-Version"),
                                with(WsClient::request("/ws"), "Sec-WebSocket-Version", "8")}) {
        HttpClient client(server_->port());
        const auto answer = client.ask(request);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 426);
        EXPECT_EQ(answer->header("Sec-WebSocket-Version"), "13");
    }
}

TEST_F(Upgrade, UnknownPathsGet404AndPlainRequestsAreToldToUpgrade) {
    start();
    expect_refused(WsClient::request("/other"), 404);
    HttpClient client(server_->port());
    const auto answer = client.get("/ws");
    EXPECT_EQ(answer->status, 426);
    EXPECT_EQ(answer->header("Upgrade"), "websocket");
}

TEST_F(Upgrade, HeaderNamesAndTokensInAnyCase) {
    start();
    HttpClient client(server_->port());
    const auto answer = client.ask(
        "GET /ws HTTP/1.1\r\nhost: t\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, uPgRaDe\r\n"
        "sec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 101);
    EXPECT_EQ(answer->header("Sec-WebSocket-Accept"), WsClient::kAccept);
}

TEST_F(Upgrade, MayFollowOtherRequestsOnTheConnection) {
    start();
    HttpClient client(server_->port());
    EXPECT_EQ(client.get("/none")->status, 404);
    client.send("GET /none HTTP/1.1\r\nHost: t\r\n\r\n" + WsClient::request("/ws") + frame(kText, "hi"));
    EXPECT_EQ(client.next()->status, 404);
    EXPECT_EQ(client.next()->status, 101);
    EXPECT_EQ(client.take(4), "\x81\x02hi");
}

TEST_F(Upgrade, ForeignOriginsGet403) {
    auto options = TestServer::quick_options();
    options.allowed_origins = {"https://good.example", "http://localhost:3000"};
    start(options);
    for (const std::string origin : {"https://evil.example", "http://good.example", "https://good.example:444", "null",
                                     "https://good.example.evil.example"}) {
        expect_refused(WsClient::request("/ws", "Origin: " + origin + "\r\n"), 403);
    }
    EXPECT_TRUE(connect("Origin: https://good.example\r\n").connected());
    EXPECT_TRUE(connect("Origin: HTTP://LOCALHOST:3000\r\n").connected());
    EXPECT_TRUE(connect().connected()) << "not a browser";
}

TEST_F(Upgrade, TooManyGet503AndPlacesAreGivenBack) {
    auto options = TestServer::quick_options();
    options.max_sessions = 2;
    start(options);
    auto first = connect();
    {
        auto second = connect();
        ASSERT_TRUE(second.connected());
        expect_refused(WsClient::request("/ws"), 503);
        expect_refused(WsClient::request("/nowhere"), 404);
        second.send_close();
        EXPECT_EQ(second.next_close(), 1000);
    }
    EXPECT_TRUE(eventually([&] { return connect().connected(); }));
}

TEST_F(Upgrade, TooManyOfOneAddressGet429) {
    auto options = TestServer::quick_options();
    options.max_sessions_per_ip = 1;
    options.trusted_proxies = {"127.0.0.0/8"};
    start(options);
    const auto from = [](const std::string& address) { return "X-Forwarded-For: " + address + "\r\n"; };
    auto first = connect(from("203.0.113.1"));
    ASSERT_TRUE(first.connected());
    expect_refused(WsClient::request("/ws", from("203.0.113.1")), 429);
    EXPECT_TRUE(connect(from("203.0.113.2")).connected());
    first.socket().close();
    EXPECT_TRUE(eventually([&] { return connect(from("203.0.113.1")).connected(); }));
}

TEST_F(Upgrade, AddressesAreBelievedFromTrustedProxiesOnly) {
    for (const bool trusted : {true, false}) {
        auto options = TestServer::quick_options();
        if (trusted) options.trusted_proxies = {"127.0.0.1"};
        Inbox<std::string> seen;
        start(options, [&](const HttpRequest& request, UpgradeReply reply) {
            seen.push(std::string(request.remote_address));
            reply.accept();
        });
        auto client = connect("X-Forwarded-For: 10.0.0.1, 203.0.113.9\r\n");
        const std::string expected = trusted ? "203.0.113.9" : "127.0.0.1";
        EXPECT_EQ(seen.next(), expected);
        EXPECT_EQ((*events_.opened.next())->remote_address(), expected);
        server_.reset();
    }
}

// -- admit -----------------------------------------------------------------------------------------------------------

TEST_F(Upgrade, AdmitSeesTheRequestAndPassesUserData) {
    Inbox<std::string> seen;
    start(TestServer::quick_options(), [&](const HttpRequest& request, UpgradeReply reply) {
        seen.push(std::string(request.path) + "|" + request.query("name").value_or("") + "|" +
                  std::string(request.header("Origin")) + "|" + std::string(request.header("X-Test")) + "|" +
                  std::string(request.remote_address));
        reply.accept(std::string("for the connection"));
    });
    WsClient client(server_->port(), "/ws?name=a%20b", "Origin: http://o.example\r\nX-Test: t\r\n");
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(seen.next(), "/ws|a b|http://o.example|t|127.0.0.1");
    const auto connection = events_.opened.next().value();
    const auto data = on_loop(*connection, [&] { return std::any_cast<std::string>(connection->user_data()); });
    EXPECT_EQ(data, "for the connection");
}

TEST_F(Upgrade, AdmitRefusesNow) {
    start(TestServer::quick_options(), [](const HttpRequest&, UpgradeReply reply) { reply.refuse(402, "pay first"); });
    HttpClient client(server_->port());
    const auto answer = client.ask(WsClient::request("/ws"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 402);
    EXPECT_EQ(answer->body, "pay first\n");
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ((*server_)->stats().refused_upgrades, 1u);
}

TEST_F(Upgrade, AdmitRefusesWithAResponseOfItsOwn) {
    Inbox<HttpResponse> refusals;
    start(TestServer::quick_options(), [&](const HttpRequest&, UpgradeReply reply) { reply.refuse(*refusals.next()); });
    const auto ask = [&](HttpResponse refusal) {
        refusals.push(std::move(refusal));
        HttpClient client(server_->port());
        auto answer = client.ask(WsClient::request("/ws"));
        EXPECT_TRUE(client.at_end());
        return answer.value_or(HttpAnswer{});
    };
    HttpResponse refusal = HttpResponse::json(401, R"({"error":"who are you"})");
    auto answer = ask(refusal);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(answer.body, R"({"error":"who are you"})");

    refusal.headers = {{"www-authenticate", "Basic"}, {"X-Reason", "none"}};
    answer = ask(refusal);
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Basic");
    EXPECT_EQ(answer.header("X-Reason"), "none");
    EXPECT_EQ(answer.head.find("Bearer"), std::string::npos);

    EXPECT_EQ(ask(HttpResponse::json(200, "{}")).status, 403);
    EXPECT_EQ((*server_)->stats().refused_upgrades, 3u);
}

TEST_F(Upgrade, AdmitThatThrowsOrForgetsRefuses) {
    std::atomic<bool> throws{true};
    start(TestServer::quick_options(), [&](const HttpRequest&, UpgradeReply) {
        if (throws) throw std::runtime_error("no");
    });
    expect_refused(WsClient::request("/ws"), 403);
    EXPECT_EQ((*server_)->stats().handler_exceptions, 1u);
    throws = false;
    expect_refused(WsClient::request("/ws"), 403);
    EXPECT_EQ((*server_)->stats().handler_exceptions, 1u);
    EXPECT_EQ((*server_)->stats().refused_upgrades, 2u);
}

TEST_F(Upgrade, AdmitDecidesLaterFromAnotherThread) {
    start(TestServer::quick_options(), undecided());
    std::thread decider([&] {
        pending_.next()->accept();
        pending_.next()->refuse(418, "teapot");
    });
    auto accepted = connect();
    ASSERT_TRUE(accepted.connected());
    accepted.send_text("hello");
    EXPECT_EQ(accepted.next(kText), "hello");
    expect_refused(WsClient::request("/ws"), 418);
    decider.join();
}

TEST_F(Upgrade, FramesSentBeforeTheDecisionAreDelivered) {
    start(TestServer::quick_options(), undecided());
    HttpClient client(server_->port());
    const std::string long_text(200'000, 'x');
    client.send(WsClient::request("/ws") + frame(kText, "early"));
    auto reply = pending_.next();
    ASSERT_TRUE(reply);
    std::thread sender([&] { client.send(frame(kText, long_text)); });
    reply->accept();
    EXPECT_EQ(client.next()->status, 101);
    EXPECT_EQ(client.take(7),
              "\x81\x05"
              "early");
    EXPECT_EQ(client.take(10 + long_text.size()).substr(10), long_text);
    sender.join();
}

TEST_F(Upgrade, NoDecisionInTimeIs403) {
    auto options = TestServer::quick_options();
    options.auth_timeout = 100ms;
    start(options, undecided());
    expect_refused(WsClient::request("/ws"), 403);
    EXPECT_EQ((*server_)->stats().refused_upgrades, 1u);
    pending_.next()->accept();  // ignored
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
    EXPECT_EQ((*server_)->stats().upgrades, 0u);
}

TEST_F(Upgrade, PeersThatLeaveBeforeTheDecisionGiveTheirPlaceBack) {
    auto options = TestServer::quick_options();
    options.max_sessions = 1;
    start(options, undecided());
    HttpClient client(server_->port());
    client.send(WsClient::request("/ws"));
    auto left_behind = pending_.next();
    ASSERT_TRUE(left_behind);
    client.socket().reset();
    EXPECT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
    left_behind->accept();
    std::thread decider([&] { pending_.next()->accept(); });
    EXPECT_TRUE(connect().connected());
    decider.join();
    EXPECT_EQ((*server_)->stats().upgrades, 1u);
}

/// Counts those of its kind that exist.
std::any counted(std::shared_ptr<std::atomic<int>> count) {
    ++*count;
    return std::shared_ptr<void>(nullptr, [count](void*) { --*count; });
}

TEST_F(Upgrade, UserDataOfAConnectionThatCannotOpenAnyMoreIsDestroyed) {
    const auto alive = std::make_shared<std::atomic<int>>(0);
    auto options = TestServer::quick_options();
    options.auth_timeout = 200ms;
    start(options, undecided());
    {  // the peer has gone
        HttpClient client(server_->port());
        client.send(WsClient::request("/ws"));
        auto reply = pending_.next();
        client.socket().reset();
        ASSERT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
        reply->accept(counted(alive));
        EXPECT_TRUE(eventually([&] { return *alive == 0; }));
    }
    {  // too late
        expect_refused(WsClient::request("/ws"), 403);
        pending_.next()->accept(counted(alive));
        EXPECT_TRUE(eventually([&] { return *alive == 0; }));
    }
    HttpClient client(server_->port());
    client.send(WsClient::request("/ws"));
    auto reply = pending_.next();
    server_.reset();
    reply->accept(counted(alive));
    EXPECT_EQ(*alive, 0);
    EXPECT_EQ(events_.opened.size(), 0u);
}

TEST_F(Upgrade, UserDataOfAnOpenedConnectionGoesWithItsLastHandle) {
    const auto alive = std::make_shared<std::atomic<int>>(0);
    start(TestServer::quick_options(), [&](const HttpRequest&, UpgradeReply reply) { reply.accept(counted(alive)); });
    auto client = connect();
    ASSERT_TRUE(client.connected());
    auto connection = events_.opened.next().value();
    client.socket().reset();
    ASSERT_TRUE(events_.closed.next());
    ASSERT_TRUE(eventually([&] { return (*server_)->stats().connections == 0; }));
    EXPECT_EQ(*alive, 1);
    connection.reset();
    EXPECT_TRUE(eventually([&] { return *alive == 0; }));
}

TEST_F(Upgrade, DecisionsMayComeAfterTheServer) {
    start(TestServer::quick_options(), undecided());
    HttpClient client(server_->port());
    client.send(WsClient::request("/ws"));
    auto reply = pending_.next();
    ASSERT_TRUE(reply);
    server_.reset();
    reply->accept(std::string("nobody"));
}

TEST_F(Upgrade, DrainingServersAnswer503) {
    auto options = TestServer::quick_options();
    options.drain_timeout = kPatience;
    options.close_timeout = kPatience;
    start(options);
    auto last = connect();
    ASSERT_TRUE(last.connected());
    (*server_)->stop();
    EXPECT_EQ(last.next_close(), 1001);
    expect_refused(WsClient::request("/ws"), 503);
    EXPECT_EQ(HttpClient(server_->port()).get("/")->status, 503);
    last.send_close(1001);
    EXPECT_TRUE(last.at_end());
    EXPECT_EQ(events_.closed.next(), (Ended{1001, "server is stopping", false}));
}

TEST_F(Upgrade, AcceptedWhileDrainingIsTooLate) {
    auto options = TestServer::quick_options();
    options.drain_timeout = kPatience;
    options.close_timeout = kPatience;
    std::atomic<bool> decide{true};
    start(options, [&](const HttpRequest&, UpgradeReply reply) {
        if (decide) return reply.accept();
        pending_.push(std::move(reply));
    });
    auto last = connect();
    decide = false;
    HttpClient late(server_->port());
    late.send(WsClient::request("/ws"));
    auto reply = pending_.next();
    ASSERT_TRUE(reply);
    (*server_)->stop();
    EXPECT_EQ(last.next_close(), 1001);
    reply->accept();
    EXPECT_EQ(late.next()->status, 503);
    last.send_close(1001);
}

}  // namespace
}  // namespace cryo::test
