#include <ctime>

#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerConnect : public EveryDeployment {
protected:
    std::string refusal_of_jwt(const std::string& payload) {
        const auto client = broker().connect("jwt=" + Deployment::token(payload));
        EXPECT_EQ(client.answer().status, 400);
        return client.refusal().value("errorCode", "(none)");
    }
    static std::string at(std::time_t seconds_from_now) {
        return std::to_string(std::time(nullptr) + seconds_from_now);
    }
};

TEST_P(BrokerConnect, NeedsCredentials) {
    const auto client = broker().connect("");
    EXPECT_EQ(client.answer().status, 400);
    EXPECT_EQ(client.answer().header("Content-Type"), "application/json; charset=utf-8");
    EXPECT_EQ(client.refusal()["errorCode"], "MISSING_AUTHENTICATION");
    EXPECT_EQ(client.refusal()["requestId"], client.answer().header("X-Request-Id"));
}

TEST_P(BrokerConnect, SelectsNoSubprotocol) {
    const auto id = broker().claim("user=" + unique("user"));
    WsClient client(broker().worker().port(), "/connect?claim=" + id, "Sec-WebSocket-Protocol: chat\r\n");
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.answer().header("Sec-WebSocket-Protocol"), "");
    EXPECT_EQ(client.answer().header("X-Request-Id"), "");
}

TEST_P(BrokerConnect, TakesJwts) {
    const auto user = unique("user");
    auto client = broker().connect(
        "jwt=" + Deployment::token(R"({"sub":")" + user + R"(","sid":"s","channels":["c"],"exp":)" + at(60) + "}"));
    ASSERT_TRUE(client.connected());
    const auto connection = broker().info("user=" + user)["connections"][0];
    EXPECT_EQ(connection["session"], "s");
    EXPECT_EQ(connection["channels"], Json::parse(R"(["c","global"])"));
    EXPECT_EQ(connection["worker"], broker().worker().broker().worker_id());
    EXPECT_NEAR(connection["lastPing"].get<double>(), static_cast<double>(std::time(nullptr)), 5);
}

TEST_P(BrokerConnect, RefusesBadJwts) {
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u","exp":)" + at(-5) + "}"), "INVALID_JWT");
    EXPECT_EQ(refusal_of_jwt(R"({"exp":)" + at(60) + "}"), "INVALID_JWT") << "no user";
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u"})"), "INVALID_JWT") << "never ends";
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u","iat":)" + at(-61) + "}"), "INVALID_JWT") << "a minute after its issue";
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u","iat":)" + at(60) + "}"), "INVALID_JWT") << "issued in the future";
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u","channels":"c","exp":)" + at(60) + "}"), "INVALID_JWT");
    EXPECT_EQ(refusal_of_jwt(R"({"sub":"u","channels":["a,b"],"exp":)" + at(60) + "}"), "INVALID_JWT");
    EXPECT_EQ(broker().connect("jwt=abc").refusal()["errorCode"], "INVALID_JWT");
    const auto other =
        JwtSigner::with_secret("another").sign(auth::JwtAlgorithm::hs256, R"({"sub":"u","exp":9999999999})");
    EXPECT_EQ(broker().connect("jwt=" + other).refusal()["errorCode"], "INVALID_JWT");
}

TEST_P(BrokerConnect, TakesAJwtMoreThanOnce) {
    const auto jwt = Deployment::token(R"({"sub":")" + unique("user") + R"(","iat":)" + at(0) + "}");
    EXPECT_TRUE(broker().connect("jwt=" + jwt).connected());
    EXPECT_TRUE(broker().connect("jwt=" + jwt).connected());
}

TEST_P(BrokerConnect, AClaimGoesBeforeAJwt) {
    const auto jwt = Deployment::token(R"({"sub":"u","exp":)" + at(60) + "}");
    EXPECT_EQ(broker().connect("claim=wrong&jwt=" + jwt).refusal()["errorCode"], "MISSING_CLAIM");
}

TEST_P(BrokerConnect, WithoutAnUpgradeRedeemsNothing) {
    const auto port = broker().worker().port();
    const auto id = broker().claim("user=" + unique("user"));
    const auto plain = Deployment::ask_at(port, "GET", "/connect?claim=" + id);
    EXPECT_EQ(plain.status, 400);
    EXPECT_EQ(plain.body, "Bad Request\n");
    EXPECT_EQ(plain.header("Sec-Websocket-Version"), "13");
    EXPECT_EQ(Json::parse(Deployment::ask_at(port, "GET", "/connect?claim=x").body)["errorCode"], "MISSING_CLAIM");
    EXPECT_EQ(Json::parse(Deployment::ask_at(port, "GET", "/connect").body)["errorCode"], "MISSING_AUTHENTICATION");
    EXPECT_TRUE(broker().connect("claim=" + id).connected());
}

/// Registered before the 101: what is sent after it arrives.
TEST_P(BrokerConnect, HearsWhatIsSentAtOnce) {
    for (int i = 0; i < 20; ++i) {
        const auto user = unique("user");
        auto client = broker().join("user=" + user);
        ASSERT_EQ(broker().post("/send?type=text&user=" + user, "welcome"), kSuccess);
        ASSERT_EQ(client.text(), "welcome");
    }
}

TEST_P(BrokerConnect, DefaultChannelsCountOnce) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user + "&channels=global,own");
    EXPECT_EQ(broker().info("user=" + user)["connections"][0]["channels"], Json::parse(R"(["global","own"])"));
    broker().post("/send?type=text&channel=global", "once");
    EXPECT_EQ(client.text(), "once");
    EXPECT_TRUE(got_nothing(client, user));
}

TEST_P(BrokerConnect, EndsWithTheClient) {
    const auto user = unique("user");
    {
        auto client = broker().join("user=" + user);
        EXPECT_EQ(broker().info("user=" + user)["connections"].size(), 1u);
        client.send_close(1000);
        EXPECT_EQ(client.next_close(), 1000);
    }
    EXPECT_TRUE(eventually([&] { return broker().info("user=" + user)["connections"].empty(); }));
}

TEST_P(BrokerConnect, DiscardsWhatClientsSend) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user);
    client.send_text("anybody there?");
    client.send_binary(std::string(100'000, 'x'));
    client.send_ping("p");
    EXPECT_EQ(client.next(kPong), "p");
    EXPECT_TRUE(got_nothing(client, user));
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerConnect);

}  // namespace
}  // namespace cryo::test
