// Claims as the RFC reads them.

#include "unit/auth/jwt_fixture.h"

namespace cryo::test {
namespace {

TEST(JwtClaims, AreReadWithTheirTypes) {
    const std::string payload =
        R"({"sub":"ann","sid":"s1","channels":["a","b","","a"],"iss":"me","aud":["x","y"],"jti":"7","exp":)" + in(60) +
        R"(,"nbf":)" + in(-60) + R"(,"iat":)" + in(-50) + R"(,"big":18446744073709551,"f":1.50,"n":null,"ü":"\u00fc"})";
    const auto claims = Payloads().read(payload);
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_EQ(claims.value(), (JwtClaims{.subject = "ann",
                                         .session = "s1",
                                         .topics = {"a", "b"},
                                         .issuer = "me",
                                         .audience = {"x", "y"},
                                         .id = "7",
                                         .expires_at = kNow + seconds(60),
                                         .not_before = kNow - seconds(60),
                                         .issued_at = kNow - seconds(50),
                                         .refused_from = kNow + seconds(60),
                                         .algorithm = JwtAlgorithm::hs256,
                                         .json = payload}));
}

TEST(JwtClaims, ThatAreAbsentOrNullAreEmpty) {
    for (const std::string_view payload :
         {"{}", R"({"sub":null,"sid":null,"channels":null,"iss":null,"aud":null,"jti":null,"exp":null,"iat":null})"}) {
        const auto claims = Payloads().read(payload);
        ASSERT_TRUE(claims) << claims.error().message;
        EXPECT_EQ(claims.value(), (JwtClaims{.algorithm = JwtAlgorithm::hs256, .json = std::string(payload)}));
    }
}

TEST(JwtClaims, OfTheWrongTypeRefuseTheToken) {
    const Payloads payloads;
    for (const std::string name : {"sub", "sid", "iss", "jti"}) {
        for (const std::string value : {"1", "true", "[]", "{}", "[\"a\"]", "1.5"}) {
            EXPECT_EQ(payloads.problem("{\"" + name + "\":" + value + "}"), "its claim '" + name + "' is not a string");
        }
    }
    for (const std::string value : {"\"a\"", "1", "{}", "{\"a\":\"b\"}", "[1]", "[\"a\",null]", "[[\"a\"]]"}) {
        EXPECT_EQ(payloads.problem("{\"channels\":" + value + "}"), "its claim 'channels' is not an array of strings");
    }
    for (const std::string value : {"[1]", "[\"a\",{}]"}) {
        EXPECT_EQ(payloads.problem("{\"aud\":" + value + "}"), "its claim 'aud' is not an array of strings");
    }
    EXPECT_EQ(payloads.problem("{\"aud\":7}"), "its claim 'aud' is not a string");
    for (const std::string name : {"exp", "nbf", "iat"}) {
        for (const std::string value : {"\"1700000000\"", "true", "[]", "{}"}) {
            EXPECT_EQ(payloads.problem("{\"" + name + "\":" + value + "}"), "its claim '" + name + "' is not a time");
        }
    }
}

TEST(JwtClaims, NamesAreExact) {
    const auto claims = Payloads().read(R"({"Sub":"ann","EXP":1,"sub ":"x"})");
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims.value().subject, "");
    EXPECT_EQ(claims.value().expires_at, std::nullopt);
}

TEST(JwtClaims, APayloadThatIsNoStrictObjectIsRefused) {
    Payloads payloads;
    EXPECT_EQ(payloads.problem(R"({"sub":"a","sub":"b"})"), "its payload has a name twice");
    EXPECT_EQ(payloads.problem("[1]"), "its payload is not a JSON object");
    EXPECT_EQ(payloads.problem(R"({"a":[[]]})"), "none");
    payloads.policy.max_depth = 2;
    EXPECT_EQ(payloads.problem(R"({"a":[[]]})"), "its payload is nested too deep");
}

TEST(JwtTimes, ATokenEndsWithTheSecondOfExp) {
    Payloads payloads;
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(1) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(0) + "}"), "it has expired");
    EXPECT_EQ(payloads.problem(R"({"exp":0})"), "it has expired");
    EXPECT_EQ(payloads.problem(R"({"exp":-5})"), "it has expired");
    payloads.policy.leeway = seconds(30);
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(-29) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(-30) + "}"), "it has expired");
}

TEST(JwtTimes, ATokenBeginsWithNbfAndIat) {
    for (const std::string name : {"nbf", "iat"}) {
        Payloads payloads;
        const std::string start = "{\"" + name + "\":";
        EXPECT_EQ(payloads.problem(start + in(0) + "}"), "none");
        EXPECT_EQ(payloads.problem(start + in(1) + "}"), "it is not valid yet");
        payloads.policy.leeway = seconds(30);
        EXPECT_EQ(payloads.problem(start + in(30) + "}"), "none");
        EXPECT_EQ(payloads.problem(start + in(31) + "}"), "it is not valid yet");
    }
}

TEST(JwtTimes, TheirProblemsAreToldApart) {
    const auto expired = Payloads().read(R"({"exp":1})");
    ASSERT_FALSE(expired);
    EXPECT_EQ(expired.error(), (Error{Errc::wrong_state, "the token was refused: it has expired"}));
    const auto early = Payloads().read(R"({"nbf":9999999999})");
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, Errc::wrong_state);
}

TEST(JwtTimes, MayHaveAFraction) {
    const auto claims = Payloads().read(R"({"exp":1700000060.9,"iat":1.7e9})");
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_EQ(claims.value().expires_at, kNow + seconds(60));
    EXPECT_EQ(claims.value().issued_at, kNow);
}

TEST(JwtTimes, SurviveAbsurdNumbers) {
    const Payloads payloads;
    for (const std::string time : {"9223372036854775807", "1e300", "999999999999999999"}) {
        EXPECT_EQ(payloads.problem("{\"exp\":" + time + "}"), "none") << time;
        EXPECT_EQ(payloads.problem("{\"nbf\":" + time + "}"), "it is not valid yet") << time;
    }
    for (const std::string time : {"-9223372036854775808", "-1e300", "-1"}) {
        EXPECT_EQ(payloads.problem("{\"exp\":" + time + "}"), "it has expired") << time;
        EXPECT_EQ(payloads.problem("{\"nbf\":" + time + ",\"iat\":" + time + "}"), "none") << time;
    }
    // libjwt has no place for a number this large, and refuses.
    EXPECT_NE(payloads.problem(R"({"exp":18446744073709551615})"), "none");
}

TEST(JwtPolicy, AsksForAnEnd) {
    Payloads payloads;
    payloads.policy.require_end = true;
    EXPECT_EQ(payloads.problem("{}"), "it never ends");
    EXPECT_EQ(payloads.problem(R"({"iat":)" + in(0) + "}"), "it never ends");
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(1) + "}"), "none");

    payloads.policy.lifetime_without_exp = seconds(60);
    EXPECT_EQ(payloads.problem("{}"), "it never ends");
    EXPECT_EQ(payloads.problem(R"({"iat":)" + in(-59) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"iat":)" + in(-60) + "}"), "it has expired");
    EXPECT_EQ(payloads.problem(R"({"iat":)" + in(-3600) + R"(,"exp":)" + in(1) + "}"), "none");
}

TEST(JwtPolicy, TellsWhenATokenEnds) {
    Payloads payloads;
    payloads.policy.leeway = seconds(10);
    payloads.policy.lifetime_without_exp = seconds(60);
    EXPECT_EQ(payloads.read(R"({"exp":)" + in(5) + "}").value().refused_from, kNow + seconds(15));
    EXPECT_EQ(payloads.read(R"({"iat":)" + in(-5) + "}").value().refused_from, kNow + seconds(65));
    EXPECT_EQ(payloads.read("{}").value().refused_from, std::nullopt);
}

TEST(JwtPolicy, AsksForAnIssuer) {
    Payloads payloads;
    payloads.policy.issuers = {"a", "b"};
    EXPECT_EQ(payloads.problem(R"({"iss":"b"})"), "none");
    for (const std::string_view payload :
         {"{}", R"({"iss":null})", R"({"iss":""})", R"({"iss":"A"})", R"({"iss":"a "})"}) {
        EXPECT_EQ(payloads.problem(payload), "its issuer is none of those allowed") << payload;
    }
}

TEST(JwtPolicy, AsksForAnAudience) {
    Payloads payloads;
    payloads.policy.audiences = {"chat", "game"};
    EXPECT_EQ(payloads.problem(R"({"aud":"game"})"), "none");
    EXPECT_EQ(payloads.problem(R"({"aud":["mail","chat"]})"), "none");
    for (const std::string_view payload :
         {"{}", R"({"aud":[]})", R"({"aud":"mail"})", R"({"aud":["mail"]})", R"({"aud":""})"}) {
        EXPECT_EQ(payloads.problem(payload), "it is meant for another audience") << payload;
    }
}

TEST(JwtPolicy, AsksForClaimsByName) {
    Payloads payloads;
    payloads.policy.required = {"sub", "role"};
    EXPECT_EQ(payloads.problem(R"({"sub":"a","role":1})"), "none");
    EXPECT_EQ(payloads.problem(R"({"sub":"a","role":false})"), "none");
    EXPECT_EQ(payloads.problem(R"({"role":"x"})"), "it has no claim 'sub'");
    for (const std::string role : {"null", "\"\"", "[]", "{}"}) {
        EXPECT_EQ(payloads.problem(R"({"sub":"a","role":)" + role + "}"), "it has no claim 'role'") << role;
    }
}

}  // namespace
}  // namespace cryo::test
