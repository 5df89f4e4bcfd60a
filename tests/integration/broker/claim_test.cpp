#include <chrono>
#include <ctime>
#include <thread>
#include <vector>

#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerClaims : public EveryDeployment {};

TEST_P(BrokerClaims, HaveWhatWasAskedFor) {
    const auto user = unique("user");
    const auto answer = broker().ask("POST", "/claim?user=" + user + "&session=s&channels=a,b,,a");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "application/json; charset=utf-8");
    auto body = Json::parse(answer.body);
    EXPECT_EQ(body["claim"]["id"].get<std::string>().size(), 32u);
    EXPECT_NEAR(body["claim"]["expiration"].get<double>(), static_cast<double>(std::time(nullptr) + 60), 5);
    body["claim"].erase("id");
    body["claim"].erase("expiration");
    EXPECT_EQ(body,
              Json::parse(R"({"success":true,"claim":{"user":")" + user + R"(","channels":["a","b"],"session":"s"}})"));
}

TEST_P(BrokerClaims, LeaveOutAnEmptySession) {
    const auto claim = broker().post("/claim?user=" + unique("user"))["claim"];
    EXPECT_FALSE(claim.contains("session"));
    EXPECT_EQ(claim["channels"], Json::array());
}

TEST_P(BrokerClaims, EndWhenAskedTo) {
    const auto later = std::to_string(std::time(nullptr) + 1'000);
    EXPECT_EQ(broker().post("/claim?user=u&expiration=" + later)["claim"]["expiration"], std::stoll(later));
    EXPECT_NEAR(broker().post("/claim?user=u&duration=500")["claim"]["expiration"].get<double>(),
                static_cast<double>(std::time(nullptr) + 500), 5);
}

TEST_P(BrokerClaims, AreRefusedWithDsocksCodes) {
    const auto code = [&](const std::string& query) {
        const auto answer = broker().ask("POST", "/claim?" + query);
        EXPECT_EQ(answer.status, 400);
        return Json::parse(answer.body)["errorCode"].get<std::string>();
    };
    EXPECT_EQ(code(""), "USER_ID_REQUIRED");
    EXPECT_EQ(code("user=u&expiration=abc"), "INVALID_EXPIRATION");
    EXPECT_EQ(code("user=u&expiration=1"), "INVALID_EXPIRATION");
    EXPECT_EQ(code("user=u&expiration=0"), "NEGATIVE_EXPIRATION");
    EXPECT_EQ(code("user=u&duration=abc"), "INVALID_DURATION");
    EXPECT_EQ(code("user=u&duration=-1"), "NEGATIVE_DURATION");
}

TEST_P(BrokerClaims, HaveTheIdThatWasChosen) {
    const auto id = unique("chosen");
    EXPECT_EQ(broker().claim("user=u&id=" + id), id);
    const auto again = broker().ask("POST", "/claim?user=u&id=" + id);
    EXPECT_EQ(again.status, 400);
    EXPECT_EQ(Json::parse(again.body)["errorCode"], "CLAIM_ID_ALREADY_USED");
    EXPECT_TRUE(broker().connect("claim=" + id).connected());
    EXPECT_EQ(broker().claim("user=u&id=" + id), id) << "free again";
}

TEST_P(BrokerClaims, LetInOnce) {
    const auto id = broker().claim("user=" + unique("user"));
    EXPECT_TRUE(broker().connect("claim=" + id).connected());
    const auto second = broker().connect("claim=" + id);
    EXPECT_EQ(second.answer().status, 400);
    EXPECT_EQ(second.refusal(), Json::parse(R"({"success":false,"errorCode":"MISSING_CLAIM",)"
                                            R"("error":"Could not find claim"})"));
}

TEST_P(BrokerClaims, LetInOneOfManyAtTheSameTime) {
    for (int round = 0; round < 5; ++round) {
        const auto user = unique("racer");
        const auto id = broker().claim("user=" + user);
        std::atomic<int> admitted = 0;
        std::vector<std::unique_ptr<BrokerClient>> clients(6);
        std::vector<std::thread> threads;
        for (auto& client : clients) {
            threads.emplace_back([&] {
                client = std::make_unique<BrokerClient>(broker().worker().port(), "claim=" + id);
                admitted += client->connected() ? 1 : 0;
            });
        }
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(admitted, 1);
        EXPECT_TRUE(eventually([&] { return broker().info("user=" + user)["connections"].size() == 1; }));
    }
}

TEST_P(BrokerClaims, EndByThemselves) {
    const auto user = unique("user");
    const auto id = broker().claim("user=" + user + "&duration=1");
    ASSERT_TRUE(eventually([&] { return broker().info("user=" + user)["claims"].empty(); }));
    const auto late = broker().connect("claim=" + id);
    EXPECT_EQ(late.answer().status, 400);
    const auto code = late.refusal()["errorCode"];
    EXPECT_TRUE(code == "MISSING_CLAIM" || code == "EXPIRED_CLAIM") << code;
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerClaims);

}  // namespace
}  // namespace cryo::test
