#include "parameters.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::chrono::system_clock::time_point kNow{sys_seconds{seconds{1'000'000}} + std::chrono::milliseconds{250}};

/// A request of which only the query, and maybe Authorization, matter.
class Asked {
public:
    explicit Asked(std::string query, std::string authorization = {})
        : query_(std::move(query)), authorization_(std::move(authorization)) {
        header_ = {"Authorization", authorization_};
        request_.query_string = query_;
        if (!authorization_.empty()) request_.headers = {&header_, 1};
    }
    const HttpRequest& operator*() const { return request_; }

private:
    std::string query_, authorization_;
    HttpHeaderView header_{};
    HttpRequest request_{};
};

Code problem_with_claim(std::string query) {
    const auto result = claim_of(*Asked(std::move(query)), kNow, 3);
    EXPECT_TRUE(std::holds_alternative<Code>(result));
    return std::holds_alternative<Code>(result) ? std::get<Code>(result) : Code::stopped;
}

auth::Claim claim(std::string query) {
    auto result = claim_of(*Asked(std::move(query)), kNow, 3);
    EXPECT_TRUE(std::holds_alternative<auth::Claim>(result));
    return std::holds_alternative<auth::Claim>(result) ? std::get<auth::Claim>(result) : auth::Claim{};
}

std::int64_t expiry(std::string query) { return claim(std::move(query)).expires_at.time_since_epoch().count(); }

TEST(BrokerParameters, ClaimsHaveDefaults) {
    const auto made = claim("user=ada");
    EXPECT_EQ(made.user, "ada");
    EXPECT_EQ(made.id, "");
    EXPECT_EQ(made.session, "");
    EXPECT_TRUE(made.topics.empty());
    EXPECT_EQ(made.expires_at, sys_seconds{seconds{1'000'060}});
}

TEST(BrokerParameters, ClaimChannelsKeepTheirOrderAndSpaces) {
    EXPECT_EQ(claim("user=a&channels=b,,a,%20c,b,").topics, (std::vector<std::string>{"b", "a", " c"}));
}

TEST(BrokerParameters, ClaimsNeedAUser) {
    EXPECT_EQ(problem_with_claim(""), Code::user_id_required);
    EXPECT_EQ(problem_with_claim("user=&expiration=x"), Code::user_id_required);
}

TEST(BrokerParameters, ExpirationsAreCheckedInDsocksOrder) {
    EXPECT_EQ(expiry("user=a&expiration=1000001"), 1'000'001);
    EXPECT_EQ(expiry("user=a&expiration=1000001&duration=x"), 1'000'001);
    EXPECT_EQ(problem_with_claim("user=a&expiration=x"), Code::invalid_expiration);
    EXPECT_EQ(problem_with_claim("user=a&expiration=1.5"), Code::invalid_expiration);
    EXPECT_EQ(problem_with_claim("user=a&expiration=0"), Code::negative_expiration);
    EXPECT_EQ(problem_with_claim("user=a&expiration=-5"), Code::negative_expiration);
    EXPECT_EQ(problem_with_claim("user=a&expiration=999999"), Code::invalid_expiration);
    EXPECT_EQ(problem_with_claim("user=a&expiration=1000000"), Code::invalid_expiration) << "later this second";
    EXPECT_EQ(problem_with_claim("user=a&expiration=253402300800"), Code::invalid_expiration) << "the year 10000";
}

TEST(BrokerParameters, DurationsAreCheckedInDsocksOrder) {
    EXPECT_EQ(expiry("user=a&duration=1"), 1'000'001);
    EXPECT_EQ(expiry("user=a&duration=%2B7"), 1'000'007);
    EXPECT_EQ(problem_with_claim("user=a&duration=1s"), Code::invalid_duration);
    EXPECT_EQ(problem_with_claim("user=a&duration=0"), Code::negative_duration);
    EXPECT_EQ(problem_with_claim("user=a&duration=-1"), Code::negative_duration);
    EXPECT_EQ(problem_with_claim("user=a&duration=999999999999"), Code::invalid_duration);
    EXPECT_EQ(problem_with_claim("user=a&duration=%2B-7"), Code::invalid_duration);
}

TEST(BrokerParameters, ClaimsHaveLimits) {
    EXPECT_EQ(problem_with_claim("user=a&channels=1,2,3,4"), Code::invalid_parameter);
    EXPECT_EQ(problem_with_claim("user=" + std::string(1025, 'a')), Code::invalid_parameter);
    EXPECT_EQ(problem_with_claim("user=%ff"), Code::invalid_parameter);
    EXPECT_EQ(problem_with_claim("user=a&channels=b,%ff"), Code::invalid_parameter);
}

TEST(BrokerParameters, TargetsHaveLimits) {
    EXPECT_EQ(problem_of(Target{.user = std::string(1024, 'a')}), std::nullopt);
    EXPECT_EQ(problem_of(Target{.session = std::string(1025, 'a')}), Code::invalid_parameter);
    EXPECT_EQ(problem_of(Target{.channel = "\xff"}), Code::error_marshalling_message);
    EXPECT_EQ(problem_of(Target{.channel = "\xff"}, Code::invalid_parameter), Code::invalid_parameter);
}

TEST(BrokerParameters, MessageTypesAreExact) {
    EXPECT_EQ(parse_message_type("text"), wire::Message::Type::text);
    EXPECT_EQ(parse_message_type("1"), wire::Message::Type::text);
    EXPECT_EQ(parse_message_type("binary"), wire::Message::Type::binary);
    EXPECT_EQ(parse_message_type("2"), wire::Message::Type::binary);
    for (const auto* text : {"", "Text", "0", "3", "01"}) EXPECT_EQ(parse_message_type(text), std::nullopt) << text;
}

TEST(BrokerParameters, ClaimsOfATargetGoBySessionChannelUser) {
    using auth::ClaimTarget;
    EXPECT_EQ(claim_target_of({.user = "u", .session = "s", .channel = "c"}), ClaimTarget::of_session("u", "s"));
    EXPECT_EQ(claim_target_of({.user = "u", .channel = "c"}), ClaimTarget::of_topic("c"));
    EXPECT_EQ(claim_target_of({.id = "i", .user = "u"}), ClaimTarget::of_user("u"));
    EXPECT_EQ(claim_target_of({.id = "i"}), std::nullopt);
    EXPECT_EQ(claim_target_of({.session = "s", .channel = "c"}), std::nullopt);
    EXPECT_EQ(claim_target_of({.channel = "a,b"}), std::nullopt);
}

TEST(BrokerParameters, TheFirstValueCounts) {
    EXPECT_EQ(target_of(*Asked("user=a&user=b&id=")), (Target{.user = "a"}));
    EXPECT_EQ(target_of(*Asked("user=a+b%26")), (Target{.user = "a b&"}));
}

TEST(BrokerParameters, EitherTokenWillDo) {
    EXPECT_TRUE(is_authorized(*Asked("token=good"), "good"));
    EXPECT_TRUE(is_authorized(*Asked("", "Bearer good"), "good"));
    EXPECT_TRUE(is_authorized(*Asked("", "1234567good"), "good"));
    EXPECT_TRUE(is_authorized(*Asked("token=bad", "Bearer good"), "good"));
    EXPECT_TRUE(is_authorized(*Asked("token=good", "Bearer bad"), "good"));
    EXPECT_FALSE(is_authorized(*Asked("token=bad&token=good"), "good"));
    EXPECT_FALSE(is_authorized(*Asked("", "Basic good"), "good"));
    EXPECT_FALSE(is_authorized(*Asked("", "good"), "good"));
    EXPECT_FALSE(is_authorized(*Asked(""), "good"));
    EXPECT_FALSE(is_authorized(*Asked("token=goods"), "good"));
}

TEST(BrokerParameters, WithoutATokenNoneIsRight) {
    EXPECT_TRUE(is_authorized(*Asked(""), ""));
    EXPECT_FALSE(is_authorized(*Asked("token=any"), ""));
}

}  // namespace
}  // namespace cryo::broker
