#include <array>
#include <thread>

#include <gtest/gtest.h>

#include <cryo/http.h>

#include "http/chars.h"
#include "http/request.h"

namespace cryo {
namespace {

class RecordingTarget : public IHttpReplyTarget {
public:
    void deliver(HttpResponse response) noexcept override { responses.push_back(std::move(response)); }
    bool abandoned() const noexcept override { return peer_gone; }

    std::vector<HttpResponse> responses{};
    bool peer_gone = false;
};

TEST(HttpReply, DeliversTheFirstAnswerOnly) {
    const auto target = std::make_shared<RecordingTarget>();
    {
        HttpReply reply(target);
        reply.send(HttpResponse::json(201, "{}"));
        reply.send(HttpResponse::not_found());
        EXPECT_TRUE(reply.abandoned());
    }
    ASSERT_EQ(target->responses.size(), 1U);
    EXPECT_EQ(target->responses[0], (HttpResponse{.status = 201, .body = "{}", .content_type = "application/json"}));
}

TEST(HttpReply, AnswersWithAnErrorWhenDestroyedUnanswered) {
    const auto target = std::make_shared<RecordingTarget>();
    { const HttpReply reply(target); }
    ASSERT_EQ(target->responses.size(), 1U);
    EXPECT_EQ(target->responses[0].status, 500);
}

TEST(HttpReply, MovesItsDuty) {
    const auto first = std::make_shared<RecordingTarget>();
    const auto second = std::make_shared<RecordingTarget>();
    {
        HttpReply reply(first);
        reply = HttpReply(second);
        ASSERT_EQ(first->responses.size(), 1U);
        EXPECT_EQ(first->responses[0].status, 500);
        std::thread([moved = std::move(reply)]() mutable { moved.send({.body = "later"}); }).join();
    }
    ASSERT_EQ(second->responses.size(), 1U);
    EXPECT_EQ(second->responses[0].body, "later");
}

TEST(HttpReply, SaysWhenThePeerHasGone) {
    const auto target = std::make_shared<RecordingTarget>();
    const HttpReply reply(target);
    EXPECT_FALSE(reply.abandoned());
    target->peer_gone = true;
    EXPECT_TRUE(reply.abandoned());
}

TEST(HttpRequest, LooksUpHeadersQueryAndParams) {
    http::Request parsed;
    parsed.method = "POST";
    parsed.target = "/a%20b?x=1";
    parsed.query = "x=1&x=2&y=%41+b&z";
    parsed.headers = {{"Accept", "a"}, {"accept", "b"}};
    parsed.body = {std::byte{'h'}, std::byte{'i'}};
    const std::array<HttpParam, 1> params{{{"name", "value"}}};
    const auto request = http::borrow(parsed, "/a b", params, "192.0.2.1");

    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.raw_target, "/a%20b?x=1");
    EXPECT_EQ(request.path, "/a b");
    EXPECT_EQ(request.remote_address, "192.0.2.1");
    EXPECT_EQ(request.header("ACCEPT"), "a");
    EXPECT_EQ(request.header("Host"), "");
    EXPECT_EQ(request.query("x"), "1");
    EXPECT_EQ(request.query("y"), "A b");
    EXPECT_EQ(request.query("z"), "");
    EXPECT_EQ(request.query("q"), std::nullopt);
    EXPECT_EQ(request.param("name"), "value");
    EXPECT_EQ(request.param("other"), "");
    EXPECT_EQ(request.body_text(), "hi");
}

TEST(HttpRequest, HasNoQueryParametersWhenTheQueryIsMalformed) {
    EXPECT_EQ((HttpRequest{.query_string = "a=1&b=%"}.query("a")), std::nullopt);
}

TEST(Chars, KnowsTokens) {
    EXPECT_TRUE(http::is_token("!#$%&'*+-.^_`|~09azAZ"));
    for (const std::string_view bad : {"",   " ", "a b", "(", ")", "<", ">", "@", ",",  ";",    ":",   "\\",
                                       "\"", "/", "[",   "]", "?", "=", "{", "}", "\t", "\x7f", "\x80"}) {
        EXPECT_FALSE(http::is_token(bad)) << bad;
    }
    EXPECT_FALSE(http::is_token(std::string_view("\0", 1)));
}

TEST(Chars, FindsListMembersInAnyCase) {
    EXPECT_TRUE(http::list_contains("a, B ,c", "b"));
    EXPECT_TRUE(http::list_contains(",,c", "c"));
    EXPECT_FALSE(http::list_contains("ab, a b", "a"));
    EXPECT_FALSE(http::list_contains("", "a"));
}

}  // namespace
}  // namespace cryo
