#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerChannels : public EveryDeployment {
protected:
    Json channels_of(const std::string& user) { return broker().info("user=" + user)["connections"][0]["channels"]; }
    Json claimed_channels(const std::string& user) { return broker().info("user=" + user)["claims"][0]["channels"]; }
};

TEST_P(BrokerChannels, ChangesAreInEffectWhenTheyAreAnswered) {
    const auto user = unique("user"), channel = unique("channel");
    auto client = broker().join("user=" + user);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(broker().post("/channel/subscribe/" + channel + "?user=" + user), kSuccess);
        broker().post("/send?type=text&channel=" + channel, "in");
        ASSERT_EQ(client.text(), "in");
        EXPECT_EQ(broker().post("/channel/unsubscribe/" + channel + "?user=" + user), kSuccess);
        broker().post("/send?type=text&channel=" + channel, "out");
        ASSERT_TRUE(got_nothing(client, user));
    }
}

TEST_P(BrokerChannels, AreAppended) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user + "&channels=own");
    EXPECT_EQ(channels_of(user), Json::parse(R"(["own","global"])"));
    broker().post("/channel/subscribe/new?user=" + user);
    broker().post("/channel/subscribe/new?user=" + user);
    EXPECT_EQ(channels_of(user), Json::parse(R"(["own","global","new"])"));
    broker().post("/channel/unsubscribe/global?user=" + user);
    broker().post("/channel/unsubscribe/global?user=" + user);
    EXPECT_EQ(channels_of(user), Json::parse(R"(["own","new"])"));
    broker().post("/channel/unsubscribe/own?user=" + user);
    broker().post("/channel/unsubscribe/new?user=" + user);
    EXPECT_EQ(channels_of(user), Json::array());
}

TEST_P(BrokerChannels, ChangeTheSessionThatIsMeant) {
    const auto user = unique("user"), channel = unique("channel");
    auto meant = broker().join("user=" + user + "&session=1");
    auto other = broker().join("user=" + user + "&session=2");
    broker().post("/channel/subscribe/" + channel + "?session=1&user=" + user);
    broker().post("/send?type=text&channel=" + channel, "x");
    EXPECT_EQ(meant.text(), "x");
    EXPECT_TRUE(got_nothing(other, user));
}

TEST_P(BrokerChannels, ChangeAConnection) {
    const auto user = unique("user"), channel = unique("channel");
    auto meant = broker().join("user=" + user);
    const auto id = id_of(user);
    auto other = broker().join("user=" + user);
    broker().post("/channel/subscribe/" + channel + "?id=" + id);
    broker().post("/send?type=text&channel=" + channel, "x");
    EXPECT_EQ(meant.text(), "x");
    EXPECT_TRUE(got_nothing(other, user));
}

/// All of a group, also when some of it are where they should be already.
TEST_P(BrokerChannels, MoveAGroup) {
    const auto from = unique("from"), to = unique("to");
    auto there = broker().join("user=" + unique("user") + "&channels=" + from + "," + to);
    auto one = broker().join("user=" + unique("user") + "&channels=" + from);
    auto two = broker().join("user=" + unique("user") + "&channels=" + from);
    broker().post("/channel/subscribe/" + to + "?channel=" + from);
    EXPECT_EQ(broker().post("/send?type=text&report=true&channel=" + to, "moved")["connections"], 3);
    for (auto* client : {&there, &one, &two}) EXPECT_EQ(client->text(), "moved");
    broker().post("/channel/unsubscribe/" + from + "?channel=" + from);
    EXPECT_EQ(broker().post("/send?type=text&report=true&channel=" + from, "x")["connections"], 0);
}

TEST_P(BrokerChannels, ChangeClaimsToo) {
    const auto user = unique("user"), channel = unique("channel");
    const auto claim = broker().claim("user=" + user + "&channels=own");
    broker().post("/channel/subscribe/" + channel + "?user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array({"own", channel}));
    broker().post("/channel/unsubscribe/own?user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array({channel}));
    auto client = broker().connect("claim=" + claim);
    EXPECT_EQ(channels_of(user), Json::array({channel, "global"}));
}

TEST_P(BrokerChannels, LeaveClaimsAloneWhenAskedTo) {
    const auto user = unique("user");
    broker().claim("user=" + user);
    broker().post("/channel/subscribe/x?ignoreClaims=true&user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array());
    broker().post("/channel/subscribe/x?ignoreClaims=1&user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array({"x"}));
    broker().post("/channel/unsubscribe/x?ignoreClaims=true&user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array({"x"}));
}

TEST_P(BrokerChannels, ChangeClaimsOfASessionOrAChannel) {
    const auto user = unique("user"), channel = unique("channel");
    broker().claim("user=" + user + "&session=1&channels=" + channel);
    broker().post("/channel/subscribe/a?session=2&user=" + user);
    EXPECT_EQ(claimed_channels(user), Json::array({channel}));
    broker().post("/channel/subscribe/b?session=1&user=" + user);
    broker().post("/channel/subscribe/c?channel=" + channel);
    EXPECT_EQ(claimed_channels(user), Json::array({channel, "b", "c"}));
}

TEST_P(BrokerChannels, TakeNamesAsTheyAre) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user);
    EXPECT_EQ(broker().post("/channel/subscribe/a%20b%26?user=" + user), kSuccess);
    EXPECT_EQ(channels_of(user), Json::array({"global", "a b&"}));
    EXPECT_EQ(broker().ask("POST", "/channel/subscribe/a%2Fb?user=" + user).status, 404);
    EXPECT_EQ(broker().ask("POST", "/channel/subscribe/?user=" + user).status, 404);
    EXPECT_EQ(broker().post("/channel/subscribe/a%2Cb?user=" + user)["errorCode"], "INVALID_CHANNEL");
    EXPECT_EQ(broker().post("/channel/subscribe/c")["errorCode"], "MISSING_TARGET");
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerChannels);

}  // namespace
}  // namespace cryo::test
