#include <ctime>

#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerInfo : public EveryDeployment {};

const Json kNothing = Json::parse(R"({"success":true,"connections":[],"claims":[]})");

TEST_P(BrokerInfo, TellsOfNobody) {
    EXPECT_EQ(broker().info("user=" + unique("nobody")), kNothing);
    EXPECT_EQ(broker().info("channel=" + unique("empty")), kNothing);
    EXPECT_EQ(broker().info("id=none"), kNothing);
}

TEST_P(BrokerInfo, NeedsATarget) {
    const auto answer = broker().ask("GET", "/info?session=s");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(Json::parse(answer.body)["errorCode"], "MISSING_TARGET");
}

TEST_P(BrokerInfo, TellsOfConnections) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user + "&session=s");
    auto connection = broker().info("user=" + user)["connections"][0];
    EXPECT_EQ(connection["id"].get<std::string>().size(), 36u);
    EXPECT_NEAR(connection["lastPing"].get<double>(), static_cast<double>(std::time(nullptr)), 5);
    const auto id = connection["id"].get<std::string>();
    connection.erase("lastPing");
    EXPECT_EQ(connection, (Json{{"id", id},
                                {"worker", broker().worker().broker().worker_id()},
                                {"user", user},
                                {"session", "s"},
                                {"channels", {"global"}}}));
    for (const auto& target : {"id=" + id, "user=" + user + "&session=s"}) {
        EXPECT_EQ(broker().info(target)["connections"][0]["id"], id) << target;
    }
    EXPECT_EQ(broker().info("user=" + user + "&session=t"), kNothing);
}

TEST_P(BrokerInfo, TellsOfClaims) {
    const auto user = unique("user"), channel = unique("channel");
    const auto id = broker().claim("user=" + user + "&session=s&duration=1000&channels=" + channel);
    const auto plain = broker().claim("user=" + user);
    const auto claims = broker().info("user=" + user)["claims"];
    ASSERT_EQ(claims.size(), 2u);
    auto claim = claims[claims[0]["id"] == id ? 0 : 1];
    const auto other = claims[claims[0]["id"] == id ? 1 : 0];
    EXPECT_NEAR(claim["expiration"].get<double>(), static_cast<double>(std::time(nullptr) + 1'000), 5);
    claim.erase("expiration");
    EXPECT_EQ(claim, (Json{{"id", id}, {"user", user}, {"session", "s"}, {"channels", {channel}}}));
    EXPECT_FALSE(other.contains("session"));
    EXPECT_EQ(other["channels"], Json::array());
    EXPECT_EQ(broker().info("channel=" + channel)["claims"].size(), 1u);
    EXPECT_EQ(broker().info("user=" + user + "&session=s")["claims"].size(), 1u);
}

/// Connections by id, user, channel; claims by session, channel, user.
TEST_P(BrokerInfo, HasItsOwnPrecedence) {
    const auto user = unique("user"), other = unique("user"), channel = unique("channel");
    auto one = broker().join("user=" + user);
    auto two = broker().join("user=" + other + "&session=s&channels=" + channel);
    broker().claim("user=" + user);
    broker().claim("user=" + other + "&channels=" + channel);

    const auto both = broker().info("user=" + user + "&channel=" + channel);
    EXPECT_EQ(both["connections"][0]["user"], user);
    EXPECT_EQ(both["claims"][0]["user"], other);
    const auto by_id = broker().info("id=" + id_of(user) + "&user=" + other);
    EXPECT_EQ(by_id["connections"][0]["user"], user);
    EXPECT_EQ(by_id["claims"][0]["user"], other);
    const auto session_of_channel = broker().info("channel=" + channel + "&session=t");
    EXPECT_EQ(session_of_channel["connections"].size(), 1u) << "a session says nothing about a channel here";
    EXPECT_EQ(session_of_channel["claims"].size(), 0u);
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerInfo);

}  // namespace
}  // namespace cryo::test
