// What becomes of a client that comes with a JWT: as dSock's README has it, and as its program does (`jwt_lenient`).

#include <ctime>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "deployment.h"

namespace cryo::test {
namespace {

using auth::encode_base64url;
using auth::JwtAlgorithm;

std::string at(std::time_t seconds_from_now) { return std::to_string(std::time(nullptr) + seconds_from_now); }

const JwtSigner& signer() {
    static const auto with_secret = JwtSigner::with_secret(Deployment::kJwtSecret);
    return with_secret;
}
/// A token with this header, whatever it says, signed as HS256.
std::string headed(std::string_view header, std::string_view payload) {
    return signer().sign_parts(JwtAlgorithm::hs256, encode_base64url(header), encode_base64url(payload));
}
std::string without_signature(const std::string& token) { return token.substr(0, token.rfind('.') + 1); }

/// A payload that would do, with one more member.
std::string good_with(const std::string& member) { return R"({"sub":"u","exp":)" + at(600) + "," + member + "}"; }
std::string good() { return good_with(R"("x":1)"); }
std::string padded(std::string text) { return text.append((4 - text.size() % 4) % 4, '='); }

class BrokerJwt : public ::testing::Test {
protected:
    static bool lets_in(Deployment& deployment, const std::string& token) {
        const auto client = deployment.connect("jwt=" + token);
        if (client.connected()) return true;
        EXPECT_EQ(client.answer().status, 400);
        EXPECT_EQ(client.refusal().value("errorCode", "(none)"), "INVALID_JWT");
        return false;
    }

    Deployment strict_{Deployment::Kind::memory};
    Deployment lenient_{Deployment::Kind::memory, [](broker::BrokerOptions& options) { options.jwt_lenient = true; }};
};

TEST_F(BrokerJwt, IsSignedWithTheSecretInOneOfThreeWays) {
    for (const auto algorithm : {JwtAlgorithm::hs256, JwtAlgorithm::hs384, JwtAlgorithm::hs512}) {
        EXPECT_TRUE(lets_in(strict_, signer().sign(algorithm, good()))) << auth::to_string(algorithm);
    }
    EXPECT_FALSE(lets_in(strict_, signer().sign_parts(JwtAlgorithm::hs256, encode_base64url(R"({"alg":"HS384"})"),
                                                      encode_base64url(good()))));
    for (const auto* header :
         {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":""})", R"({"alg":"HS1"})", R"({"alg":"RS256"})",
          R"({"alg":"ES256"})", R"({"alg":"PS256"})", R"({"alg":null})", R"({})", R"([])", "x"}) {
        EXPECT_FALSE(lets_in(lenient_, headed(header, good()))) << header;
        EXPECT_FALSE(lets_in(lenient_, without_signature(headed(header, good())))) << header;
    }
    const auto token = headed(R"({"alg":"HS256"})", good());
    EXPECT_FALSE(lets_in(lenient_, without_signature(token)));
    EXPECT_FALSE(lets_in(lenient_, token.substr(0, token.rfind('.')))) << "two parts";
    EXPECT_FALSE(lets_in(lenient_, token + ".x")) << "four parts";
}

TEST_F(BrokerJwt, HasAHeaderOfWhichOnlyTheAlgorithmCounts) {
    for (const auto* more : {R"("typ":"JWT")", R"("crit":["x"])", R"("kid":"1")", R"("x5u":1)"}) {
        EXPECT_TRUE(lets_in(strict_, headed(R"({"alg":"HS256",)" + std::string(more) + "}", good()))) << more;
    }
}

TEST_F(BrokerJwt, MayBePadded) {
    for (const std::string user : {"a", "ab", "abc"}) {
        const auto payload = R"({"sub":")" + user + R"(","exp":)" + at(600) + "}";
        const auto token = signer().sign_parts(JwtAlgorithm::hs512, padded(encode_base64url(R"({"alg":"HS512"})")),
                                               padded(encode_base64url(payload)));
        EXPECT_TRUE(lets_in(strict_, token)) << user;
        const auto signature = token.rfind('.') + 1;
        EXPECT_TRUE(lets_in(strict_, token.substr(0, signature) + padded(token.substr(signature)))) << user;
    }
}

TEST_F(BrokerJwt, IsJudgedByItsClaims) {
    struct Row {
        std::string payload;
        bool by_readme, by_program;
    };
    const std::vector<Row> rows{
        {good(), true, true},
        {R"({"exp":)" + at(600) + "}", false, true},
        {R"({"sub":null,"exp":)" + at(600) + "}", false, true},
        {R"({"sub":"","exp":)" + at(600) + "}", false, true},
        {R"({"sub":1,"exp":)" + at(600) + "}", false, false},
        {good_with(R"("sid":"s")"), true, true},
        {good_with(R"("sid":null)"), true, true},
        {good_with(R"("sid":1)"), false, false},
        {good_with(R"("channels":["a","b"])"), true, true},
        {good_with(R"("channels":[])"), true, true},
        {good_with(R"("channels":null)"), true, true},
        {good_with(R"("channels":"a")"), false, false},
        {good_with(R"("channels":[1])"), false, false},

        {R"({"sub":"u"})", false, true},
        {R"({"sub":"u","exp":0})", false, true},
        {R"({"sub":"u","exp":)" + at(-5) + "}", false, false},
        {R"({"sub":"u","exp":)" + at(600) + ".0}", false, false},
        {R"({"sub":"u","exp":")" + at(600) + "\"}", false, false},

        {R"({"sub":"u","iat":)" + at(-5) + "}", true, true},
        {R"({"sub":"u","iat":)" + at(-3'600) + "}", false, true},
        {good_with(R"("iat":)" + at(-3'600)), true, true},
        {good_with(R"("iat":)" + at(60)), false, false},
        {good_with(R"("iat":)" + at(-5) + ".5"), false, false},

        {good_with(R"("nbf":)" + at(-5)), true, true},
        {good_with(R"("nbf":)" + at(60)), false, false},
        {good_with(R"("nbf":)" + at(-5) + ".0"), false, false},
        {good_with(R"("nbf":"x")"), false, false},

        {good_with(R"("aud":"a","iss":"i","jti":"j")"), true, true},
        {good_with(R"("aud":["a"])"), false, false},
        {good_with(R"("aud":1)"), false, false},
        {good_with(R"("iss":1)"), false, false},
        {good_with(R"("jti":1)"), false, false},

        {R"({"SUB":"u","Exp":)" + at(600) + "}", true, true},
        {R"({"sub":"u","EXP":)" + at(-5) + "}", false, false},
        {"[]", false, false},
        {"x", false, false},
    };
    for (const auto& row : rows) {
        const auto token = signer().sign(JwtAlgorithm::hs256, row.payload);
        EXPECT_EQ(lets_in(strict_, token), row.by_readme) << row.payload;
        EXPECT_EQ(lets_in(lenient_, token), row.by_program) << row.payload << " (lenient)";
    }
}

TEST_F(BrokerJwt, SaysWhoConnects) {
    const auto client = strict_.connect(
        "jwt=" + signer().sign(JwtAlgorithm::hs256,
                               R"({"Sub":"ada","SID":"s","Channels":["a","","b","a"],"EXP":)" + at(600) + "}"));
    ASSERT_TRUE(client.connected());
    const auto connection = strict_.info("user=ada")["connections"][0];
    EXPECT_EQ(connection["session"], "s");
    EXPECT_EQ(connection["channels"], Json::parse(R"(["a","b","global"])"));
}

TEST_F(BrokerJwt, OfNobodyReachesChannelsWhenLenient) {
    auto client = lenient_.connect("jwt=" + signer().sign(JwtAlgorithm::hs256, R"({"sid":"s","channels":["news"]})"));
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(lenient_.info("channel=news")["connections"][0]["user"], "");
    EXPECT_EQ(lenient_.post("/send?type=text&channel=news", "to all"), kSuccess);
    EXPECT_EQ(client.text(), "to all");
}

TEST(BrokerJwtOff, IsNotLookedAt) {
    Deployment deployment(Deployment::Kind::memory, [](broker::BrokerOptions& options) { options.jwt_secret = ""; });
    const auto client = deployment.connect("jwt=" + signer().sign(JwtAlgorithm::hs256, good()));
    EXPECT_EQ(client.answer().status, 400);
    EXPECT_EQ(client.refusal()["errorCode"], "MISSING_AUTHENTICATION");
}

}  // namespace
}  // namespace cryo::test
