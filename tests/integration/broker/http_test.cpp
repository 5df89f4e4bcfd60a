#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerHttp : public EveryDeployment {
protected:
    HttpAnswer without_token(std::string_view method, const std::string& target, std::string_view lines = {}) {
        return Deployment::ask_at(broker().api().port(), method, target, {}, lines);
    }
};

const Json kUnauthorized =
    Json::parse(R"({"success":false,"errorCode":"INVALID_AUTHORIZATION","error":"Invalid authorization"})");

TEST_P(BrokerHttp, NeedsTheTokenEverywhere) {
    for (const auto* target :
         {"/claim?user=u", "/send?user=u&type=text", "/disconnect?user=u", "/nothing", "/channel/subscribe/c?user=u"}) {
        const auto answer = without_token("POST", target);
        EXPECT_EQ(answer.status, 400) << target;
        EXPECT_EQ(answer.header("Content-Type"), "application/json; charset=utf-8");
        EXPECT_EQ(Json::parse(answer.body), kUnauthorized) << target;
        EXPECT_EQ(answer.header("X-Request-Id").size(), 36u);
    }
    EXPECT_EQ(without_token("GET", "/info?user=u").status, 400);
}

TEST_P(BrokerHttp, TakesTheTokenInEitherPlace) {
    EXPECT_EQ(without_token("GET", "/info?user=u&token=a+token").status, 200);
    EXPECT_EQ(without_token("GET", "/info?user=u&token=wrong", "Authorization: Bearer a token\r\n").status, 200);
    EXPECT_EQ(without_token("GET", "/info?user=u&token=a+token", "Authorization: Bearer wrong\r\n").status, 200);
    EXPECT_EQ(without_token("GET", "/info?user=u&token=wrong").status, 400);
}

TEST_P(BrokerHttp, AnswersPings) {
    for (const auto port : {broker().api().port(), broker().worker().port()}) {
        for (const auto* method : {"GET", "POST", "PUT"}) {
            const auto answer = Deployment::ask_at(port, method, "/ping");
            EXPECT_EQ(answer.status, 200);
            EXPECT_EQ(answer.body, "pong");
            EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
        }
        EXPECT_EQ(Deployment::ask_at(port, "HEAD", "/ping").status, 200);
    }
}

TEST_P(BrokerHttp, KnowsNoOtherPathsAndMethods) {
    for (const auto* target : {"/nothing", "/", "/claim/x", "/channel/subscribe", "/channel/subscribe/a/b"}) {
        const auto answer = broker().ask("POST", target);
        EXPECT_EQ(answer.status, 404) << target;
        EXPECT_EQ(answer.body, "404 page not found");
        EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    }
    EXPECT_EQ(broker().ask("GET", "/send").status, 404);
    EXPECT_EQ(broker().ask("POST", "/info").status, 404);
    EXPECT_EQ(broker().ask("OPTIONS", "/send").status, 404);
    EXPECT_EQ(Deployment::ask_at(broker().worker().port(), "POST", "/connect", {}, "Authorization: Bearer a token\r\n")
                  .status,
              404);
}

TEST_P(BrokerHttp, RedirectsASlashTooMany) {
    const auto get = without_token("GET", "/info/?user=u");
    EXPECT_EQ(get.status, 301);
    EXPECT_EQ(get.header("Location"), "/info?user=u");
    const auto post = without_token("POST", "/channel/subscribe/c/?user=u");
    EXPECT_EQ(post.status, 307);
    EXPECT_EQ(post.header("Location"), "/channel/subscribe/c?user=u");
    EXPECT_EQ(post.body, "");
    EXPECT_EQ(broker().ask("GET", "/send/").status, 404);
}

TEST_P(BrokerHttp, NamesRequestsThatHaveNoName) {
    const auto unnamed = broker().ask("GET", "/info");
    EXPECT_EQ(unnamed.header("X-Request-Id").size(), 36u);
    EXPECT_EQ(Json::parse(unnamed.body)["requestId"], unnamed.header("X-Request-Id"));
    const auto named = broker().ask("GET", "/info", {}, "X-Request-ID: mine\r\n");
    EXPECT_EQ(named.header("X-Request-Id"), "");
    EXPECT_FALSE(Json::parse(named.body).contains("requestId"));
}

/// dSock's code where they would become part of a message, which it cannot write then.
TEST_P(BrokerHttp, RefusesNamesThatAreNotUtf8) {
    for (const auto* target : {"/send?type=text&user=%ff", "/disconnect?channel=%ff", "/channel/subscribe/c?id=%ff",
                               "/channel/unsubscribe/%ff?user=u"}) {
        const auto answer = broker().ask("POST", target);
        EXPECT_EQ(answer.status, 500) << target;
        EXPECT_EQ(Json::parse(answer.body)["errorCode"], "ERROR_MARSHALLING_MESSAGE") << target;
    }
    for (const auto& answer : {broker().ask("POST", "/claim?user=%ff"), broker().ask("POST", "/claim?user=u&id=%ff"),
                               broker().ask("GET", "/info?user=%ff")}) {
        EXPECT_EQ(answer.status, 400);
        EXPECT_EQ(Json::parse(answer.body)["errorCode"], "INVALID_PARAMETER");
    }
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerHttp);

}  // namespace
}  // namespace cryo::test
