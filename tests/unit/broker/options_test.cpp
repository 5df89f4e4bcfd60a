#include <string>

#include <gtest/gtest.h>

#include <cryo/broker/broker.h>
#include <cryo/broker/options.h>

namespace cryo::broker {
namespace {

std::string problem(const BrokerOptions& options) {
    const auto valid = options.validate();
    return valid ? "" : valid.error().message;
}

TEST(BrokerOptions, ATokenIsEnough) { EXPECT_EQ(problem({.token = "secret"}), ""); }

TEST(BrokerOptions, AnOpenApiMustBeAskedFor) {
    EXPECT_NE(problem({}).find("allow_open_api"), std::string::npos);
    EXPECT_EQ(problem({.allow_open_api = true}), "");
    EXPECT_EQ(problem({.role = Role::worker, .redis = redis::Options{}}), "") << "a worker has no API";
}

TEST(BrokerOptions, APartNeedsRedis) {
    EXPECT_NE(problem({.role = Role::api, .token = "t"}).find("redis_host"), std::string::npos);
    EXPECT_NE(problem({.role = Role::worker}).find("redis_host"), std::string::npos);
}

TEST(BrokerOptions, DirectMessagesNeedASecret) {
    BrokerOptions options{.token = "t", .redis = redis::Options{}, .messaging = Messaging::direct};
    EXPECT_NE(problem(options).find("direct_message_secret"), std::string::npos);
    options.direct.allow_unauthenticated = true;
    EXPECT_EQ(problem(options), "");
    options.direct = {.secret = "s"};
    EXPECT_EQ(problem(options), "");
}

TEST(BrokerOptions, TellsOfAllProblemsAtOnce) {
    BrokerOptions options{.prefix = "x", .token = "t", .default_channels = {"a,b"}};
    options.ttl = std::chrono::milliseconds{1};
    options.webhook.url = "ftp://x";
    const auto text = problem(options);
    for (const auto* part : {"prefix", "default_channels", "ttl_duration", "webhook_url"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part;
    }
}

TEST(BrokerOptions, ABrokerIsNotMadeOfBadOnes) {
    const auto broker = Broker::create({});
    ASSERT_FALSE(broker.ok());
    EXPECT_EQ(broker.error().code, Errc::invalid_option);
}

}  // namespace
}  // namespace cryo::broker
