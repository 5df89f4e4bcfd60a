#include <string>
#include <vector>

#include "unit/auth/jwt_fixture.h"
#include "unit/auth/validate.h"

namespace cryo::test {
namespace {

class Lines final : public ILogger {
public:
    void log(LogLevel level, std::string_view component, std::string_view message) override {
        EXPECT_EQ(level, LogLevel::debug);
        EXPECT_EQ(component, "auth");
        lines.emplace_back(message);
    }
    std::vector<std::string> lines;
};

std::string sign(std::string_view payload) { return secret_signer().sign(JwtAlgorithm::hs256, payload); }

TEST(JwtValidator, MakesAnIdentityOfAToken) {
    const auto validator = make_jwt_validator(
        make_verifier({.algorithms = {JwtAlgorithm::hs256}}, {secret_signer().key()}), [] { return kNow; });
    EXPECT_EQ(validate(*validator, sign(good_payload())), (Identity{"ann", good_payload()}));
}

TEST(JwtValidator, RefusesAndSaysWhyWithoutTheToken) {
    const auto lines = std::make_shared<Lines>();
    const auto validator = make_jwt_validator(
        make_verifier({.algorithms = {JwtAlgorithm::hs256}}, {secret_signer().key()}), [] { return kNow; }, lines);
    const std::vector<std::string> tokens = {"garbage", sign(R"({"sub":"ann","exp":1})"),
                                             sign(R"({"exp":)" + in(9) + "}"),
                                             sign(R"({"sub":"","exp":)" + in(9) + "}"), sign(R"({"sub":"ann"})")};
    for (const auto& token : tokens) EXPECT_EQ(validate(*validator, token), std::nullopt) << token;
    EXPECT_EQ(lines->lines, (std::vector<std::string>{
                                "the token was refused: it is not made of three parts",
                                "the token was refused: it has expired", "the token was refused: it has no subject",
                                "the token was refused: it has no subject", "the token was refused: it never ends"}));
}

TEST(JwtValidator, AsksItsClock) {
    auto now = kNow;
    const auto validator = make_jwt_validator(
        make_verifier({.algorithms = {JwtAlgorithm::hs256}, .leeway = seconds(0)}, {secret_signer().key()}),
        [&] { return now; });
    EXPECT_TRUE(validate(*validator, sign(good_payload())));
    now += seconds(600);
    EXPECT_FALSE(validate(*validator, sign(good_payload())));
}

}  // namespace
}  // namespace cryo::test
