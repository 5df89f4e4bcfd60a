#include "http/request_parser.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "request_parser_outcome.h"

namespace cryo::http {
namespace {

TEST(RequestParser, ReadsTheWholeHead) {
    const auto outcome = parse(
        "GET /a/b%20c?token=x&y HTTP/1.1\r\nHost: example.org:8080\r\nX-Blank:\r\nX-Spaces: \t two words \t\r\n\r\n");
    EXPECT_EQ(outcome.state, State::complete);
    EXPECT_EQ(outcome.method, "GET");
    EXPECT_EQ(outcome.target, "/a/b%20c?token=x&y");
    EXPECT_EQ(outcome.path, "/a/b%20c");
    EXPECT_EQ(outcome.query, "token=x&y");
    const std::vector<HttpHeader> headers{{"Host", "example.org:8080"}, {"X-Blank", ""}, {"X-Spaces", "two words"}};
    EXPECT_EQ(outcome.headers, headers);
    EXPECT_TRUE(outcome.keep_alive);
    EXPECT_EQ(outcome.body, "");
}

TEST(RequestParser, AcceptsTheTargetFormsOfRequests) {
    struct Case {
        std::string_view line, path, query;
    };
    for (const auto& [line, path, query] : {
             Case{"GET / HTTP/1.1", "/", ""},
             Case{"GET /? HTTP/1.1", "/", ""},
             Case{"GET /a?b?c HTTP/1.1", "/a", "b?c"},
             Case{"GET //a HTTP/1.1", "//a", ""},
             Case{"GET /a?{x}|^`[]\\ HTTP/1.1", "/a", "{x}|^`[]\\"},  // browsers leave these as they are
             Case{"GET http://a/x?y HTTP/1.1", "/x", "y"},
             Case{"GET HTTPS://A HTTP/1.1", "/", ""},
             Case{"GET http://a?y HTTP/1.1", "/", "y"},
             Case{"OPTIONS * HTTP/1.1", "*", ""},
         }) {
        const auto outcome = parse(std::string(line) + "\r\nHost: a\r\n\r\n");
        EXPECT_EQ(outcome.state, State::complete) << line << ": " << outcome.text;
        EXPECT_EQ(outcome.path, path) << line;
        EXPECT_EQ(outcome.query, query) << line;
    }
}

TEST(RequestParser, RefusesBadRequestLines) {
    struct Case {
        std::string_view line;
        int status;
    };
    for (const auto& [line, status] : {
             Case{"GET /", 400},
             Case{"GET", 400},
             Case{" GET / HTTP/1.1", 400},
             Case{"GET  / HTTP/1.1", 400},
             Case{"GET /  HTTP/1.1", 400},
             Case{"GET / HTTP/1.1 ", 400},
             Case{"GET\t/ HTTP/1.1", 400},
             Case{"GET / x HTTP/1.1", 400},
             Case{"G(T / HTTP/1.1", 400},
             Case{"GET / http/1.1", 400},
             Case{"GET / HTTP/1.10", 400},
             Case{"GET / HTTP/11", 400},
             Case{"GET / HTTP/+.1", 400},
             Case{"GET / HTTP/1.2", 505},
             Case{"GET / HTTP/0.9", 505},
             Case{"GET / HTTP/2.0", 505},
             Case{"PRI * HTTP/2.0", 505},
             Case{"GET * HTTP/1.1", 400},
             Case{"OPTIONS *x HTTP/1.1", 400},
             Case{"GET a HTTP/1.1", 400},
             Case{"GET /a#b HTTP/1.1", 400},
             Case{"GET /\xc3\xa9 HTTP/1.1", 400},
             Case{"GET /a%2 HTTP/1.1", 400},
             Case{"GET /a%zz HTTP/1.1", 400},
             Case{"GET /a%00 HTTP/1.1", 400},
             Case{"GET /a%0d%0a HTTP/1.1", 400},
             Case{"GET ftp://a/ HTTP/1.1", 400},
             Case{"GET http:///a HTTP/1.1", 400},
             Case{"GET http://user@a/ HTTP/1.1", 400},
             Case{"GET http://a:b/ HTTP/1.1", 400},
             Case{"GET http://b/ HTTP/1.1", 400},  // Host names another
             Case{"CONNECT a:443 HTTP/1.1", 501},
             Case{"CONNECT / HTTP/1.1", 501},
         }) {
        const auto outcome = parse(std::string(line) + "\r\nHost: a\r\n\r\n");
        EXPECT_EQ(outcome.state, State::failed) << line;
        EXPECT_EQ(outcome.status, status) << line << ": " << outcome.text;
        EXPECT_NE(outcome.text, "") << line;
    }
}

TEST(RequestParser, RefusesBadRequestLineBeforeTheHeadersHaveCome) {
    EXPECT_EQ(parse("hello\r\n").status, 400);
    EXPECT_EQ(parse("PRI * HTTP/2.0\r\n").status, 505);
    EXPECT_EQ(parse("\x16\x03\x01\x02").status, 400);  // TLS on the plain port
}

TEST(RequestParser, RefusesBadHeaderLines) {
    for (const std::string_view header : {
             "Host : b",
             "X : b",
             "X\t: b",
             " X: folded",
             "\tfolded",
             "X: a\r\n folded",
             "no colon",
             ": no name",
             "X(: a",
             "X\xc3\xa9: a",
             "X Y: a",
             "X: a\rb",
             "X: a\nY: b",
             "X: a\x01",
             "X: a\x7f",
             "X\x0b: a",
             "Expect: 100-continue\r\n\tx",
         }) {
        EXPECT_EQ(parse(get(std::string(header) + "\r\n")).status, 400) << header;
    }
    EXPECT_EQ(parse(get(std::string_view("X: a\0b\r\n", 8))).status, 400);
    EXPECT_EQ(parse(get("\n")).status, 400);
    EXPECT_EQ(parse("GET / HTTP/1.1\nHost: a\n\n").status, 400);
    EXPECT_EQ(parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n").status, 400);
}

TEST(RequestParser, AcceptsAnyTextInHeaderValues) {
    const auto outcome = parse(get("X!#$%&'*+-.^_`|~9: \x80\xff \"a\"\tb:,;\r\n"));
    EXPECT_EQ(outcome.state, State::complete) << outcome.text;
    EXPECT_EQ(outcome.headers.back().value, "\x80\xff \"a\"\tb:,;");
}

TEST(RequestParser, ChecksHost) {
    for (const std::string_view good : {"a", "a.b-c_d~1", "127.0.0.1:80", "[::1]", "[::ffff:1.2.3.4]:8080", "a:"}) {
        const auto outcome = parse("GET / HTTP/1.1\r\nHost: " + std::string(good) + "\r\n\r\n");
        EXPECT_EQ(outcome.state, State::complete) << good << ": " << outcome.text;
    }
    for (const std::string_view bad : {"", "a b", "a, b", "a/b", "a@b", "a:x", "a:1234567", ":80", "[]", "[::1",
                                       "[::1]x", "[g::]", "a%20", "a\\b", "http://a", "\xc3\xa9"}) {
        EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n").status, 400) << bad;
    }
    EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n").status, 400);
    EXPECT_EQ(parse(get("Host: a\r\n")).status, 400);
    EXPECT_EQ(parse(get("host: b\r\n")).status, 400);
    EXPECT_EQ(parse("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").status, 400);
    EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n").state, State::complete);
}

TEST(RequestParser, ReadsBodiesOfGivenLength) {
    const auto outcome = parse(post("Content-Length: 5\r\n", "helloGET "));
    EXPECT_EQ(outcome.state, State::complete);
    EXPECT_EQ(outcome.body, "hello");
    EXPECT_EQ(outcome.consumed, post("Content-Length: 5\r\n", "hello").size());
    EXPECT_EQ(parse(post("Content-Length: 0\r\n", "")).state, State::complete);
    EXPECT_EQ(parse(post("Content-Length: 005\r\n", "hello")).body, "hello");
    EXPECT_EQ(parse(post("", "x")).body, "");
    EXPECT_EQ(parse(post("Content-Length: 5\r\n", "hell")).state, State::need_more);
}

TEST(RequestParser, RefusesAmbiguousFraming) {
    struct Case {
        std::string_view headers;
        int status;
    };
    for (const auto& [headers, status] : {
             Case{"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
             Case{"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
             Case{"Content-Length: 5\r\ncontent-length: 0\r\n", 400},
             Case{"Content-Length: 5, 5\r\n", 400},
             Case{"Content-Length: +5\r\n", 400},
             Case{"Content-Length: -5\r\n", 400},
             Case{"Content-Length: 0x5\r\n", 400},
             Case{"Content-Length: 5 5\r\n", 400},
             Case{"Content-Length: 5.0\r\n", 400},
             Case{"Content-Length: \"5\"\r\n", 400},
             Case{"Content-Length:\r\n", 400},
             Case{"Content-Length: 18446744073709551616\r\n", 400},
             Case{"Content-Length: 99999999999999999999999\r\n", 400},
             Case{"Content-Length: 18446744073709551615\r\n", 413},
             Case{"Content-Length : 5\r\n", 400},
             Case{"Content-Length\x0b: 5\r\n", 400},
             Case{"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
             Case{"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
             Case{"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400},
             Case{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
             Case{"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400},
             Case{"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 501},
             Case{"Transfer-Encoding: identity\r\n", 501},
             Case{"Transfer-Encoding: gzip, chunked\r\n", 501},
             Case{"Transfer-Encoding: chunked, chunked\r\n", 501},
             Case{"Transfer-Encoding: chunked;q=1\r\n", 501},
             Case{"Transfer-Encoding: xchunked\r\n", 501},
             Case{"Transfer-Encoding: \"chunked\"\r\n", 501},
             Case{"Transfer-Encoding:\r\n", 501},
             Case{"Transfer-Encoding : chunked\r\n", 400},
             Case{"Transfer-Encoding: \x0b"
                  "chunked\r\n",
                  400},
             Case{"Transfer-Encoding:\r\n chunked\r\n", 501},
             Case{"X: y\rTransfer-Encoding: chunked\r\n", 400},
             Case{"X: y\nTransfer-Encoding: chunked\r\n", 400},
         }) {
        const auto outcome = parse(post(headers, "0\r\n\r\n"));
        EXPECT_EQ(outcome.state, State::failed) << headers;
        EXPECT_EQ(outcome.status, status) << headers << ": " << outcome.text;
    }
    EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 400);
}

TEST(RequestParser, HoldsEachLimitToTheByte) {
    const HttpLimits limits{
        .max_request_line_bytes = 20, .max_header_bytes = 30, .max_headers = 3, .max_body_bytes = 10};
    EXPECT_EQ(parse("GET /123456 HTTP/1.1\r\nHost: a\r\n\r\n", limits).state, State::complete);
    EXPECT_EQ(parse("GET /1234567 HTTP/1.1\r\nHost: a\r\n\r\n", limits).status, 414);
    EXPECT_EQ(parse("GET /1234567 HTTP/1.1", limits).status, 414);

    EXPECT_EQ(parse(get("X: 6789012345678901\r\n"), limits).state, State::complete);  // 9 + 21
    EXPECT_EQ(parse(get("X: 67890123456789012\r\n"), limits).status, 431);
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nX: 4567890123456789012345678901", limits).status, 431);

    EXPECT_EQ(parse(get("A:\r\nB:\r\n"), limits).state, State::complete);
    EXPECT_EQ(parse(get("A:\r\nB:\r\nC:\r\n"), limits).status, 431);

    EXPECT_EQ(parse(post("content-length:10\r\n", "0123456789"), limits).state, State::complete);
    EXPECT_EQ(parse(post("content-length:11\r\n", ""), limits).status, 413);
}

TEST(RequestParser, TakesOneBlankLineBeforeTheRequest) {
    EXPECT_EQ(parse("\r\n" + get("")).method, "GET");
    EXPECT_EQ(parse("\r\n\r\n" + get("")).status, 400);
    EXPECT_EQ(parse("\n" + get("")).status, 400);
}

TEST(RequestParser, KnowsWhetherTheConnectionStaysOpen) {
    EXPECT_TRUE(parse(get("")).keep_alive);
    EXPECT_TRUE(parse(get("Connection: keep-alive, Upgrade\r\n")).keep_alive);
    EXPECT_FALSE(parse(get("Connection: Close\r\n")).keep_alive);
    EXPECT_FALSE(parse(get("Connection: keep-alive\r\nConnection: x , close\r\n")).keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
}

TEST(RequestParser, FlagsWebSocketUpgrades) {
    EXPECT_TRUE(parse(get("Upgrade: websocket\r\nConnection: Upgrade\r\n")).upgrade_websocket);
    EXPECT_TRUE(parse(get("Upgrade: h2c, WebSocket\r\n")).upgrade_websocket);
    EXPECT_FALSE(parse(get("Upgrade: h2c\r\n")).upgrade_websocket);
    EXPECT_FALSE(parse(get("Upgrade: websockets\r\n")).upgrade_websocket);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n").upgrade_websocket);
}

TEST(RequestParser, FlagsClientsThatWaitForContinue) {
    RequestParser parser({});
    std::size_t consumed = 0;
    parser.consume(as_bytes("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"),
                   consumed);
    EXPECT_TRUE(parser.wants_continue());
    parser.consume(as_bytes("a"), consumed);
    EXPECT_FALSE(parser.wants_continue());
    parser.consume(as_bytes("b"), consumed);
    EXPECT_FALSE(parser.wants_continue());
    EXPECT_TRUE(parser.request().expect_continue);
    EXPECT_EQ(parse(get("Expect: 200-ok\r\n")).status, 417);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expect_continue);
}

TEST(RequestParser, LeavesWhatFollowsTheRequest) {
    const std::string input =
        post("Content-Length: 3\r\n", "one") + chunked("3\r\ntwo\r\n0\r\n\r\n") + get("") + "\x81\x05";
    RequestParser parser({});
    EXPECT_FALSE(parser.started());
    std::vector<std::string> bodies;
    Bytes rest = as_bytes(input);
    for (std::size_t consumed = 0; parser.consume(rest, consumed) == State::complete; parser.reset()) {
        rest = rest.subspan(consumed);
        bodies.emplace_back(as_text(parser.request().body));
        EXPECT_TRUE(parser.started());
        if (parser.request().method == "GET") break;
    }
    EXPECT_EQ(bodies, (std::vector<std::string>{"one", "two", ""}));
    EXPECT_EQ(as_text(rest), "\x81\x05");
}

TEST(RequestParser, TakesNothingMoreOnceDone) {
    RequestParser parser({});
    std::size_t consumed = 7;
    EXPECT_EQ(parser.consume({}, consumed), State::need_more);
    EXPECT_EQ(consumed, 0U);
    parser.consume(as_bytes("bad\r\n"), consumed);
    EXPECT_EQ(parser.consume(as_bytes(get("")), consumed), State::failed);
    EXPECT_EQ(consumed, 0U);
    parser.reset();
    EXPECT_EQ(parser.consume(as_bytes(get("")), consumed), State::complete);
    EXPECT_EQ(parser.failure(), Failure{});
}

TEST(Request, StaysValidWhenMoved) {
    RequestParser parser({});
    std::size_t consumed = 0;
    parser.consume(as_bytes("GET /x HTTP/1.0\r\n\r\n"), consumed);
    const RequestParser moved = std::move(parser);
    EXPECT_EQ(moved.request().method, "GET");
    EXPECT_EQ(moved.request().path, "/x");
}

}  // namespace
}  // namespace cryo::http
