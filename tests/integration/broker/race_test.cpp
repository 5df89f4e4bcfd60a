// What back-ends and clients do at the same time: whoever is first, what was asked for is so afterwards.

#include <algorithm>
#include <thread>

#include "every_deployment.h"

namespace cryo::test {
namespace {

constexpr int kRounds = 20;

template <class First, class Second>
void at_once(First first, Second second) {
    std::thread other(std::move(first));
    second();
    other.join();
}

class BrokerRaces : public EveryDeployment {
protected:
    std::unique_ptr<BrokerClient> enter(const std::string& claim) {
        return std::make_unique<BrokerClient>(broker().worker().port(), "claim=" + claim);
    }
};

TEST_P(BrokerRaces, ALogoutMeetsTheClaimOrTheConnection) {
    const auto nothing = Json::parse(R"({"success":true,"connections":[],"claims":[]})");
    for (int round = 0; round < kRounds; ++round) {
        const auto user = unique("user");
        const auto claim = broker().claim("user=" + user);
        std::unique_ptr<BrokerClient> client;
        at_once([&] { client = enter(claim); },
                [&] { EXPECT_EQ(broker().post("/disconnect?user=" + user), kSuccess); });
        EXPECT_TRUE(eventually([&] { return broker().info("user=" + user) == nothing; }));
        if (client->connected()) {
            EXPECT_EQ(client->next_close(), 1000);
        } else {
            EXPECT_EQ(client->refusal().value("errorCode", "(none)"), "MISSING_CLAIM");
        }
    }
}

TEST_P(BrokerRaces, AChangeOfChannelsMeetsTheClaimOrTheConnection) {
    for (int round = 0; round < kRounds; ++round) {
        const auto user = unique("user"), joined = unique("joined"), left = unique("left");
        const auto claim = broker().claim("user=" + user + "&channels=" + left);
        std::unique_ptr<BrokerClient> client;
        at_once([&] { client = enter(claim); },
                [&] {
                    EXPECT_EQ(broker().post("/channel/subscribe/" + joined + "?user=" + user), kSuccess);
                    EXPECT_EQ(broker().post("/channel/unsubscribe/" + left + "?user=" + user), kSuccess);
                });
        ASSERT_TRUE(client->connected());
        const auto info = broker().info("user=" + user);
        EXPECT_EQ(info["claims"], Json::array());
        ASSERT_EQ(info["connections"].size(), 1u);
        auto channels = info["connections"][0]["channels"].get<std::vector<std::string>>();
        std::ranges::sort(channels);
        EXPECT_EQ(channels, (std::vector<std::string>{"global", joined}));
        broker().post("/send?type=text&channel=" + left, "not for it");
        broker().post("/send?type=text&channel=" + joined, "for it");
        EXPECT_EQ(client->text(), "for it");
    }
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerRaces);

/// dSock leaves a hash then that has channels only, and no end.
TEST(BrokerRacesInRedis, AChangeOfChannelsBringsNoClosedConnectionBack) {
    auto& broker = kDeployments->of(Deployment::Kind::redis);
    for (int round = 0; round < kRounds; ++round) {
        const auto channel = "closing" + std::to_string(round);
        auto client = broker.join("user=closing");
        const auto id = broker.info("user=closing")["connections"][0]["id"].get<std::string>();
        at_once(
            [&] {
                client.send_close();
                EXPECT_EQ(client.next_close(), 1000);
            },
            [&] { EXPECT_EQ(broker.post("/channel/subscribe/" + channel + "?user=closing"), kSuccess); });
        EXPECT_TRUE(eventually([&] {
            return broker.redis().command({"EXISTS", "conn:" + id, "channel:" + channel, "user:closing"}) == "0";
        })) << round;
    }
}

}  // namespace
}  // namespace cryo::test
