// Requests with chunked bodies (RFC 9112 7.1).

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "request_parser_outcome.h"

namespace cryo::http {
namespace {

TEST(RequestParser, ReadsChunkedBodies) {
    EXPECT_EQ(parse(chunked("0\r\n\r\n")).body, "");
    const auto outcome =
        parse(chunked("5\r\nhello\r\n0006;name=\"value\"\r\n world\r\n00\r\nTrailer: x\r\nY: z\r\n\r\nGET"));
    EXPECT_EQ(outcome.state, State::complete) << outcome.text;
    EXPECT_EQ(outcome.body, "hello world");
    EXPECT_EQ(outcome.headers.size(), 2U);  // trailers are not headers
    const auto upper =
        parse(post("TRANSFER-ENCODING: \tChunked \r\n", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"));
    EXPECT_EQ(upper.body, "01234567890123456789");
    EXPECT_EQ(parse(chunked("5\r\nhello\r\n0\r\n")).state, State::need_more);
}

TEST(RequestParser, RefusesMalformedChunks) {
    struct Case {
        std::string_view body;
        int status;
    };
    for (const auto& [body, status] : {
             Case{"\r\n", 400},
             Case{"x\r\n", 400},
             Case{"-1\r\n", 400},
             Case{"+1\r\n", 400},
             Case{"0x1\r\n", 400},
             Case{" 1\r\n", 400},
             Case{"1 \r\n", 400},
             Case{"1 ;x\r\n", 400},
             Case{";x\r\n", 400},
             Case{"1\na\r\n", 400},
             Case{"1\ra\r\n", 400},
             Case{"1;x\na\r\n", 400},
             Case{"1;x\x01\r\na\r\n", 400},
             Case{"1\r\nab\r\n", 400},
             Case{"1\r\na\n0\r\n\r\n", 400},
             Case{"1\r\na0\r\n\r\n", 400},
             Case{"0\r\n\n", 400},
             Case{"0\r\nX: y\n\r\n", 400},
             Case{"0\r\nX: y\r\r\n", 400},
             Case{"0\r\n folded\r\n\r\n", 400},
             Case{"0\r\n\rX", 400},
             Case{"00000000000000001\r\na\r\n", 400},
             Case{"100001\r\n", 413},
             Case{"ffffffffffffffff\r\n", 413},
             Case{"10000000000000000\r\n", 413},
         }) {
        const auto outcome = parse(chunked(body));
        EXPECT_EQ(outcome.state, State::failed) << body;
        EXPECT_EQ(outcome.status, status) << body << ": " << outcome.text;
    }
}

TEST(RequestParser, BoundsChunkedBodiesAndTheirOverhead) {
    const HttpLimits limits{.max_header_bytes = 40, .max_body_bytes = 10};
    EXPECT_EQ(parse(chunked("6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n"), limits).body, "0123456789");
    EXPECT_EQ(parse(chunked("6\r\n012345\r\n5\r\n"), limits).status, 413);
    const std::string extension(40, 'x');
    EXPECT_EQ(parse(chunked("0;" + extension + "\r\n\r\n"), limits).state, State::complete);
    EXPECT_EQ(parse(chunked("0;x" + extension + "\r\n\r\n"), limits).status, 431);
    EXPECT_EQ(parse(chunked("0\r\nx" + extension + "\r\n\r\n"), limits).status, 431);
    EXPECT_EQ(parse(chunked("1;" + extension + "\r\na\r\n1;x"), limits).status, 431);
}

}  // namespace
}  // namespace cryo::http
