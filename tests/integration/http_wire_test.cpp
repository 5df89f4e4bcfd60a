#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/http_client.h"
#include "support/test_server.h"

namespace cryo::test {
namespace {

using namespace std::chrono_literals;

class HttpWire : public ::testing::Test {
protected:
    HttpWire() {
        route("GET", "/hello",
              [](const HttpRequest&, HttpReply reply) { reply.send(HttpResponse::text(200, "hello")); });
        route("GET", "/items/:id/parts/:part", [](const HttpRequest& request, HttpReply reply) {
            reply.send({.body = std::string(request.param("id")) + "|" + std::string(request.param("part")) + "|" +
                                request.query("q").value_or("none") + "|" + std::string(request.header("x-test"))});
        });
        route("POST", "/echo", [](const HttpRequest& request, HttpReply reply) {
            reply.send({.body = std::string(request.body_text()), .content_type = "application/octet-stream"});
        });
        route("GET", "/later", [this](const HttpRequest&, HttpReply reply) { waiting_.push(std::move(reply)); });
        route("GET", "/forget", [](const HttpRequest&, HttpReply) {});
        route("GET", "/throw", [](const HttpRequest&, HttpReply) { throw std::runtime_error("no"); });
        route("GET", "/answer-and-throw", [](const HttpRequest&, HttpReply reply) {
            reply.send({.body = "answered"});
            throw 42;
        });
        server_.start();
    }

    void route(std::string_view method, std::string_view pattern, HttpHandler handler) {
        if (auto added = server_->http(method, pattern, std::move(handler)); !added) {
            throw std::runtime_error(added.error().message);
        }
    }

    HttpClient connect() { return HttpClient(server_.port()); }

    Inbox<HttpReply> waiting_;
    TestServer server_;
};

TEST_F(HttpWire, AnswersRequestsOnOneConnection) {
    auto client = connect();
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.get("/hello");
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 200);
        EXPECT_EQ(answer->body, "hello");
        EXPECT_EQ(answer->header("Content-Type"), "text/plain; charset=utf-8");
        EXPECT_EQ(answer->header("Connection"), "keep-alive");
        EXPECT_NE(answer->header("Date"), "");
    }
}

TEST_F(HttpWire, PassesParametersQueryAndHeaders) {
    auto client = connect();
    EXPECT_EQ(client.get("/items/a%20b/parts/7?q=%C3%A9&z=1", "X-Test: value\r\n")->body, "a b|7|\xc3\xa9|value");
    EXPECT_EQ(client.get("/items/%2F/parts/x")->body, "/|x|none|");
}

TEST_F(HttpWire, ClosesWhenAskedTo) {
    auto client = connect();
    EXPECT_EQ(client.get("/hello", "Connection: close\r\n")->header("Connection"), "close");
    EXPECT_TRUE(client.at_end());
    auto old = connect();
    EXPECT_EQ(old.ask("GET /hello HTTP/1.0\r\n\r\n")->body, "hello");
    EXPECT_TRUE(old.at_end());
}

TEST_F(HttpWire, AnswersPeersThatHaveFinishedSending) {
    for (int i = 0; i < 50; ++i) {
        auto client = connect();
        client.send("GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
        client.socket().finish_sending();
        const auto answer = client.next();
        ASSERT_TRUE(answer) << i;
        EXPECT_EQ(answer->body, "hello");
    }
}

TEST_F(HttpWire, AnswersHeadFromGet) {
    auto client = connect();
    const auto answer = client.ask("HEAD /hello HTTP/1.1\r\nHost: test\r\n\r\n");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->header("Content-Length"), "5");
    EXPECT_EQ(client.get("/hello")->body, "hello") << "no body came between";
}

TEST_F(HttpWire, RefusesUnknownPathsAndMethods) {
    auto client = connect();
    EXPECT_EQ(client.get("/nothing")->status, 404);
    EXPECT_EQ(client.get("/items/1")->status, 404);
    const auto wrong = client.ask("DELETE /hello HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(wrong->status, 405);
    EXPECT_EQ(wrong->header("Allow"), "GET, HEAD, OPTIONS");
    const auto options = client.ask("OPTIONS /echo HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(options->status, 204);
    EXPECT_EQ(options->header("Allow"), "OPTIONS, POST");
}

TEST(HttpFallback, TakesWhatNothingElseDoes) {
    TestServer server;
    ASSERT_TRUE(server->websocket("/ws", {}));
    ASSERT_TRUE(server->http(
        "GET", "/hello", [](const HttpRequest&, HttpReply reply) { reply.send(HttpResponse::text(200, "hello")); }));
    ASSERT_TRUE(server->http("*", "/*", [](const HttpRequest& request, HttpReply reply) {
        reply.send(HttpResponse::json(404, std::string(request.method) + " " + std::string(request.path)));
    }));
    server.start();
    HttpClient client(server.port());
    EXPECT_EQ(client.get("/hello")->body, "hello");
    EXPECT_EQ(client.get("/nothing")->body, "GET /nothing");
    EXPECT_EQ(client.get("/ws")->body, "GET /ws");
    for (const std::string method : {"POST", "OPTIONS", "BREW"}) {
        const auto answer = client.ask(method + " /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(answer->body, method + " /hello");
        EXPECT_EQ(answer->header("Content-Type"), "application/json");
    }
    EXPECT_EQ(client.ask("HEAD /hello HTTP/1.1\r\nHost: t\r\n\r\n")->status, 200);
    EXPECT_EQ(client.ask("HEAD /nothing HTTP/1.1\r\nHost: t\r\n\r\n")->status, 404);
}

TEST_F(HttpWire, ReadsBodiesOfEitherFraming) {
    auto client = connect();
    const std::string body(200'000, 'b');
    EXPECT_EQ(client.ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n" + body)->body, body);
    EXPECT_EQ(client
                  .ask("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n")
                  ->body,
              "abcdefg");
    EXPECT_EQ(client.ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")->body, "");
}

TEST_F(HttpWire, AsksForTheBodyWhenItIsExpectedTo) {
    auto client = connect();
    const auto go_on =
        client.ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    ASSERT_TRUE(go_on);
    EXPECT_EQ(go_on->status, 100);
    EXPECT_EQ(client.ask("body")->body, "body");
    // Who does not wait for it gets none.
    EXPECT_EQ(
        client.ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab")->status,
        200);
}

TEST_F(HttpWire, ReadsRequestsByteByByte) {
    auto client = connect();
    for (const char& byte : std::string("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabcGET /hello "
                                        "HTTP/1.1\r\nHost: t\r\n\r\n")) {
        client.send({&byte, 1});
    }
    EXPECT_EQ(client.next()->body, "abc");
    EXPECT_EQ(client.next()->body, "hello");
}

TEST_F(HttpWire, AnswersPipelinedRequestsInOrder) {
    auto client = connect();
    std::string requests = "GET /later HTTP/1.1\r\nHost: t\r\n\r\nGET /hello HTTP/1.1\r\nHost: t\r\n\r\n";
    for (int i = 0; i < 200; ++i) {
        const auto body = std::to_string(i);
        requests +=
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    client.send(requests);
    auto reply = waiting_.next();
    ASSERT_TRUE(reply);
    EXPECT_FALSE(client.socket().readable(50ms)) << "nothing overtakes the first";
    std::thread([&] { reply->send({.body = "late"}); }).join();
    EXPECT_EQ(client.next()->body, "late");
    EXPECT_EQ(client.next()->body, "hello");
    for (int i = 0; i < 200; ++i) ASSERT_EQ(client.next()->body, std::to_string(i));
}

TEST_F(HttpWire, GoesOnWithWhatWaitedBehindALateAnswer) {
    auto client = connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    auto reply = waiting_.next();
    ASSERT_TRUE(reply);
    const std::string request =
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x');
    std::thread sender([&] {
        for (int i = 0; i < 100; ++i) client.send(request);  // blocks until the server reads on
    });
    reply->send({.body = "late"});
    EXPECT_EQ(client.next()->body, "late");
    for (int i = 0; i < 100; ++i) ASSERT_EQ(client.next()->body.size(), 100'000u);
    sender.join();
}

TEST_F(HttpWire, AnswersFromManyThreads) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this] {
            for (int n = 0; n < 25; ++n) {
                auto reply = waiting_.next();
                if (!reply) return;
                reply->send({.body = std::to_string(n)});
            }
        });
    }
    std::vector<HttpClient> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(connect());
    for (int n = 0; n < 20; ++n) {
        for (auto& client : clients) client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
        for (auto& client : clients) EXPECT_EQ(client.next()->status, 200);
    }
    for (auto& thread : threads) thread.join();
}

TEST_F(HttpWire, UnansweredRequestsGet500) {
    auto client = connect();
    EXPECT_EQ(client.get("/forget")->status, 500);
    EXPECT_EQ(client.get("/hello")->status, 200);
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    waiting_.next().reset();
    EXPECT_EQ(client.next()->status, 500);
}

TEST_F(HttpWire, HandlersThatThrowAreAnswered500AndCounted) {
    auto client = connect();
    EXPECT_EQ(client.get("/throw")->status, 500);
    EXPECT_EQ(client.get("/answer-and-throw")->body, "answered");
    EXPECT_EQ(client.get("/hello")->status, 200);
    EXPECT_EQ(server_->stats().handler_exceptions, 2u);
}

TEST_F(HttpWire, RepliesKnowThatThePeerHasGone) {
    auto client = connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    auto reply = waiting_.next();
    ASSERT_TRUE(reply);
    EXPECT_FALSE(reply->abandoned());
    client.socket().reset();
    EXPECT_TRUE(eventually([&] { return reply->abandoned(); }));
    reply->send({.body = "to nobody"});
    EXPECT_EQ(connect().get("/hello")->status, 200);
}

TEST_F(HttpWire, RepliesOutliveTheServer) {
    auto client = connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    auto reply = waiting_.next();
    ASSERT_TRUE(reply);
    server_.destroy();
    EXPECT_TRUE(reply->abandoned());
    reply->send({.body = "to nobody"});
}

TEST_F(HttpWire, StopWaitsForAnswersThatAreDue) {
    auto client = connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    auto reply = waiting_.next();
    ASSERT_TRUE(reply);
    server_->stop();
    reply->send({.body = "in time"});
    EXPECT_EQ(client.next()->body, "in time");
    server_->wait();
}

}  // namespace
}  // namespace cryo::test
