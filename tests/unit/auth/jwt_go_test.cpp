// Claims as jwt-go 3 reads them, which is how dSock does.

#include "unit/auth/jwt_fixture.h"

namespace cryo::test {
namespace {

using auth::encode_base64url;

struct GoPayloads : Payloads {
    GoPayloads() {
        policy.reading = JwtReading::jwt_go;
        policy.algorithms = {JwtAlgorithm::hs256, JwtAlgorithm::hs384, JwtAlgorithm::hs512};
    }
};

TEST(JwtGo, NamesAreInAnyCase) {
    const auto claims = GoPayloads().read(R"({"SUB":"ann","Sid":"s","CHANNELS":["a"],"Exp":)" + in(1) + "}");
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_EQ(claims.value().subject, "ann");
    EXPECT_EQ(claims.value().session, "s");
    EXPECT_EQ(claims.value().topics, std::vector<std::string>{"a"});
    EXPECT_EQ(claims.value().expires_at, kNow + seconds(1));
    EXPECT_EQ(GoPayloads().problem(R"({"sub":"ann","Sub":"bob"})"), "its claim 'sub' is there twice");
}

TEST(JwtGo, TimesAreIntegers) {
    const GoPayloads payloads;
    for (const std::string name : {"exp", "nbf", "iat"}) {
        for (const std::string value : {"1800000000.0", "1.8e9", "\"1800000000\"", "true"}) {
            EXPECT_EQ(payloads.problem("{\"" + name + "\":" + value + "}"), "its claim '" + name + "' is not a time");
        }
    }
}

TEST(JwtGo, TheSecondOfExpStillCounts) {
    const GoPayloads payloads;
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(0) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"exp":)" + in(-1) + "}"), "it has expired");
    EXPECT_EQ(payloads.problem(R"({"nbf":)" + in(0) + R"(,"iat":)" + in(0) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"nbf":)" + in(1) + "}"), "it is not valid yet");
    EXPECT_EQ(payloads.problem(R"({"iat":)" + in(1) + "}"), "it is not valid yet");
}

TEST(JwtGo, ATimeOf0IsNone) {
    GoPayloads payloads;
    EXPECT_EQ(payloads.problem(R"({"exp":0,"nbf":0,"iat":0})"), "none");
    payloads.policy.require_end = true;
    payloads.policy.lifetime_without_exp = seconds(60);
    EXPECT_EQ(payloads.problem(R"({"exp":0})"), "it never ends");
    EXPECT_EQ(payloads.problem(R"({"exp":0,"iat":)" + in(-60) + "}"), "none");
    EXPECT_EQ(payloads.problem(R"({"exp":0,"iat":)" + in(-61) + "}"), "it has expired");
}

TEST(JwtGo, AudienceIsOneString) {
    const GoPayloads payloads;
    EXPECT_EQ(payloads.problem(R"({"aud":"a"})"), "none");
    EXPECT_EQ(payloads.problem(R"({"aud":["a"]})"), "its claim 'aud' is not a string");
    EXPECT_EQ(payloads.problem(R"({"iss":1})"), "its claim 'iss' is not a string");
    EXPECT_EQ(payloads.problem(R"({"jti":1})"), "its claim 'jti' is not a string");
}

TEST(JwtGo, ChannelsAreStringsOrNull) {
    const GoPayloads payloads;
    EXPECT_EQ(payloads.read(R"({"channels":["a","","b","a"]})").value().topics, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(payloads.problem(R"({"channels":null})"), "none");
    EXPECT_EQ(payloads.problem(R"({"channels":"a"})"), "its claim 'channels' is not an array of strings");
    EXPECT_EQ(payloads.problem(R"({"channels":[1]})"), "its claim 'channels' is not an array of strings");
}

TEST(JwtGo, EachPartMayBePadded) {
    const GoPayloads payloads;
    const auto verifier = make_verifier(payloads.policy, {secret_signer().key()});
    const auto pad = [](std::string text) { return text.append((4 - text.size() % 4) % 4, '='); };
    for (const std::string user : {"a", "ab", "abc"}) {
        const std::string header = pad(encode_base64url(R"({"alg":"HS512"})"));
        const std::string payload = pad(encode_base64url(R"({"sub":")" + user + "\"}"));
        const std::string token = secret_signer().sign_parts(JwtAlgorithm::hs512, header, payload);
        const std::string padded = token.substr(0, token.rfind('.') + 1) + pad(token.substr(token.rfind('.') + 1));
        EXPECT_EQ(problem_of(*verifier, token), "none");
        EXPECT_EQ(problem_of(*verifier, padded), "none");
        EXPECT_EQ(problem_of(*verifier, padded + "="), "a part of it is not base64url");
    }
}

TEST(JwtGo, CriticalParametersAreIgnored) {
    const auto verifier = make_verifier(GoPayloads().policy, {secret_signer().key()});
    EXPECT_EQ(problem_of(*verifier, secret_signer().sign(JwtAlgorithm::hs256, "{}", R"(,"crit":["x"])")), "none");
}

}  // namespace
}  // namespace cryo::test
