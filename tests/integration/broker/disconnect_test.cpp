#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerDisconnect : public EveryDeployment {
protected:
    std::size_t claims_of(const std::string& target) { return broker().info(target)["claims"].size(); }
    std::size_t connections_of(const std::string& target) { return broker().info(target)["connections"].size(); }
};

TEST_P(BrokerDisconnect, EndsTheConnectionsOfAUser) {
    const auto user = unique("user");
    auto first = broker().join("user=" + user + "&session=1");
    auto second = broker().join("user=" + user);
    EXPECT_EQ(broker().post("/disconnect?user=" + user), kSuccess);
    EXPECT_EQ(connections_of("user=" + user), 0u) << "in effect when it is answered";
    const auto closed = first.next();
    ASSERT_TRUE(closed.has_value());
    EXPECT_EQ(closed->close_code(), 1000);
    EXPECT_EQ(closed->close_reason(), "");
    EXPECT_EQ(second.next_close(), 1000);
}

TEST_P(BrokerDisconnect, EndsTheConnectionsOfASession) {
    const auto user = unique("user");
    auto meant = broker().join("user=" + user + "&session=1");
    auto other = broker().join("user=" + user + "&session=2");
    broker().post("/disconnect?session=1&user=" + user);
    EXPECT_EQ(meant.next_close(), 1000);
    EXPECT_TRUE(got_nothing(other, user));
    EXPECT_EQ(connections_of("user=" + user), 1u);
}

TEST_P(BrokerDisconnect, EndsAConnection) {
    const auto user = unique("user");
    auto meant = broker().join("user=" + user);
    const auto id = id_of(user);
    auto other = broker().join("user=" + user);
    broker().claim("user=" + user);
    broker().post("/disconnect?id=" + id);
    EXPECT_EQ(meant.next_close(), 1000);
    EXPECT_TRUE(got_nothing(other, user));
    EXPECT_EQ(claims_of("user=" + user), 1u) << "an id has no claims";
}

TEST_P(BrokerDisconnect, EndsTheConnectionsOfAChannel) {
    const auto user = unique("user"), channel = unique("channel");
    auto meant = broker().join("user=" + unique("user") + "&channels=" + channel);
    auto other = broker().join("user=" + user);
    broker().post("/disconnect?channel=" + channel);
    EXPECT_EQ(meant.next_close(), 1000);
    EXPECT_TRUE(got_nothing(other, user));
}

TEST_P(BrokerDisconnect, TakesTheClaimsToo) {
    const auto user = unique("user");
    const auto of_session = broker().claim("user=" + user + "&session=1");
    const auto of_user = broker().claim("user=" + user);
    broker().post("/disconnect?session=1&user=" + user);
    EXPECT_EQ(broker().connect("claim=" + of_session).refusal()["errorCode"], "MISSING_CLAIM");
    EXPECT_EQ(claims_of("user=" + user), 1u);
    broker().post("/disconnect?user=" + user);
    EXPECT_EQ(broker().connect("claim=" + of_user).refusal()["errorCode"], "MISSING_CLAIM");
    EXPECT_EQ(claims_of("user=" + user), 0u);
}

TEST_P(BrokerDisconnect, TakesTheClaimsOfAChannel) {
    const auto channel = unique("channel");
    broker().claim("user=" + unique("user") + "&channels=" + channel);
    broker().post("/disconnect?channel=" + channel);
    EXPECT_EQ(claims_of("channel=" + channel), 0u);
}

TEST_P(BrokerDisconnect, KeepsClaimsWhenAskedTo) {
    const auto user = unique("user");
    broker().claim("user=" + user);
    broker().post("/disconnect?keepClaims=true&user=" + user);
    EXPECT_EQ(claims_of("user=" + user), 1u);
    broker().post("/disconnect?keepClaims=1&user=" + user);
    EXPECT_EQ(claims_of("user=" + user), 0u);
}

/// The target says which connections; the claims go by session, channel, user.
TEST_P(BrokerDisconnect, AnIdWithAUserTakesTheUsersClaims) {
    const auto user = unique("user"), other = unique("user");
    auto meant = broker().join("user=" + user);
    auto bystander = broker().join("user=" + other);
    broker().claim("user=" + other);
    broker().post("/disconnect?id=" + id_of(user) + "&user=" + other);
    EXPECT_EQ(meant.next_close(), 1000);
    EXPECT_EQ(claims_of("user=" + other), 0u);
    EXPECT_TRUE(got_nothing(bystander, other));
}

TEST_P(BrokerDisconnect, NamesakesOfASessionKeepTheirClaims) {
    const auto user = unique("user");
    broker().claim("user=" + user + "-b&session=c");
    broker().post("/disconnect?user=" + user + "&session=b-c");
    EXPECT_EQ(claims_of("user=" + user + "-b&session=c"), 1u);
    EXPECT_EQ(claims_of("user=" + user + "&session=b-c"), 0u);
}

TEST_P(BrokerDisconnect, NeedsATarget) {
    EXPECT_EQ(broker().post("/disconnect")["errorCode"], "MISSING_TARGET");
    EXPECT_EQ(broker().post("/disconnect?session=s")["errorCode"], "MISSING_TARGET");
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerDisconnect);

}  // namespace
}  // namespace cryo::test
