#include "http/response_writer.h"

#include <gtest/gtest.h>

namespace cryo::http {
namespace {

TEST(ResponseWriter, WritesStatusHeadersAndBody) {
    const HttpResponse response{.status = 201, .headers = {{"X-A", "b"}}, .body = "hello", .content_type = "text/html"};
    const auto [bytes, error] = serialize(response, {.date = "Sun, 06 Nov 1994 08:49:37 GMT"});
    EXPECT_EQ(error, "");
    EXPECT_EQ(bytes,
              "HTTP/1.1 201 Created\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Content-Type: text/html\r\n"
              "Content-Length: 5\r\n"
              "X-A: b\r\n"
              "Connection: keep-alive\r\n"
              "\r\n"
              "hello");
}

TEST(ResponseWriter, SaysWhenTheConnectionCloses) {
    EXPECT_NE(serialize({}, {.keep_alive = false}).bytes.find("Connection: close\r\n"), std::string::npos);
}

TEST(ResponseWriter, LeavesTheBodyOutForHead) {
    EXPECT_EQ(serialize({.body = "hello", .content_type = ""}, {.head_request = true}).bytes,
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
}

TEST(ResponseWriter, WritesNoBodyWhereThereIsNone) {
    EXPECT_EQ(serialize({.status = 204, .body = "x"}, {}).bytes,
              "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(serialize({.status = 304, .headers = {{"ETag", "\"1\""}}, .body = "x"}, {}).bytes,
              "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nConnection: keep-alive\r\n\r\n");
}

TEST(ResponseWriter, TurnsForgedHeadersIntoErrors) {
    for (const auto& header : std::vector<HttpHeader>{
             {"X", "a\r\nSet-Cookie: b"},
             {"X", "a\nb"},
             {"X", "a\rb"},
             {"X", std::string("a\0b", 3)},
             {"X\r\nY", "a"},
             {"X: y", "a"},
             {"X ", "a"},
             {"", "a"},
             {"Content-Length", "0"},
             {"transfer-encoding", "chunked"},
             {"Connection", "upgrade"},
             {"content-type", "text/html"},
             {"Date", "today"},
         }) {
        const auto [bytes, error] = serialize({.headers = {{"X-Good", "1"}, header}, .body = "secret"}, {});
        EXPECT_NE(error, "") << header.name;
        EXPECT_TRUE(bytes.starts_with("HTTP/1.1 500 Internal Server Error\r\n")) << bytes;
        EXPECT_EQ(bytes.find("X-Good"), std::string::npos);
        EXPECT_EQ(bytes.find("secret"), std::string::npos);
    }
    EXPECT_NE(serialize({.content_type = "a\r\nb"}, {}).error, "");
}

TEST(ResponseWriter, RefusesStatusesThatAreNoFinalAnswer) {
    for (const int status : {-1, 0, 100, 101, 199, 600, 1000}) {
        const auto [bytes, error] = serialize({.status = status}, {});
        EXPECT_NE(error.find(std::to_string(status)), std::string::npos);
        EXPECT_TRUE(bytes.starts_with("HTTP/1.1 500 ")) << bytes;
    }
    EXPECT_EQ(serialize({.status = 599}, {}).error, "");
}

TEST(ResponseWriter, WritesRefusals) {
    EXPECT_EQ(serialize(HttpResponse::text(431, "headers too large\n"), {.keep_alive = false}).bytes,
              "HTTP/1.1 431 Request Header Fields Too Large\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Length: 18\r\n"
              "Connection: close\r\n"
              "\r\n"
              "headers too large\n");
}

TEST(ResponseWriter, KnowsReasonPhrases) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
    EXPECT_EQ(reason_phrase(299), "Unknown");
}

}  // namespace
}  // namespace cryo::http
