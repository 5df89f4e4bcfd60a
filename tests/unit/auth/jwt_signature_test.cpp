// Signatures, headers and keys: what is let through to the claims at all.

#include <array>
#include <atomic>
#include <map>
#include <thread>

#include "unit/auth/jwt_fixture.h"

namespace cryo::test {
namespace {

using auth::encode_base64url;

constexpr std::array kAll = {JwtAlgorithm::hs256, JwtAlgorithm::hs384, JwtAlgorithm::hs512,
                             JwtAlgorithm::rs256, JwtAlgorithm::rs384, JwtAlgorithm::rs512,
                             JwtAlgorithm::es256, JwtAlgorithm::es384, JwtAlgorithm::es512};

const JwtSigner& signer_of(JwtAlgorithm algorithm) {
    static const auto rsa = JwtSigner::rsa(), p256 = JwtSigner::ec("P-256"), p384 = JwtSigner::ec("P-384"),
                      p521 = JwtSigner::ec("P-521");
    switch (algorithm) {
        case JwtAlgorithm::es256:
            return p256;
        case JwtAlgorithm::es384:
            return p384;
        case JwtAlgorithm::es512:
            return p521;
        default:
            return algorithm <= JwtAlgorithm::hs512 ? secret_signer() : rsa;
    }
}

JwtPolicy allow_all() { return {.algorithms = {kAll.begin(), kAll.end()}}; }

std::shared_ptr<JwtVerifier> verifier_with_all_keys() {
    return make_verifier(allow_all(),
                         {signer_of(JwtAlgorithm::hs256).key("hs"), signer_of(JwtAlgorithm::rs256).key("rs"),
                          signer_of(JwtAlgorithm::es256).key("256"), signer_of(JwtAlgorithm::es384).key("384"),
                          signer_of(JwtAlgorithm::es512).key("512")});
}

std::string good_token(JwtAlgorithm algorithm, std::string_view more = {}) {
    return signer_of(algorithm).sign(algorithm, good_payload(), more);
}

/// The parts of a token, to be put together another way.
struct Parts {
    explicit Parts(const std::string& token)
        : header(token.substr(0, token.find('.'))),
          payload(token.substr(header.size() + 1, token.rfind('.') - header.size() - 1)),
          signature(token.substr(token.rfind('.') + 1)) {}
    std::string token() const { return header + '.' + payload + '.' + signature; }
    std::string header, payload, signature;
};

class EachAlgorithm : public ::testing::TestWithParam<JwtAlgorithm> {
protected:
    const JwtAlgorithm algorithm = GetParam();
    const JwtSigner& signer = signer_of(algorithm);
    const std::shared_ptr<JwtVerifier> verifier = make_verifier(allow_all(), {signer.key()});
};

TEST_P(EachAlgorithm, AcceptsAGoodSignature) {
    const auto claims = verifier->verify(good_token(algorithm), kNow);
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_EQ(claims.value().subject, "ann");
    EXPECT_EQ(claims.value().algorithm, algorithm);
    EXPECT_EQ(claims.value().json, good_payload());
    EXPECT_EQ(claims.value().key_id, "");
}

TEST_P(EachAlgorithm, RefusesEveryChangedByteOfTheSignature) {
    const Parts good(good_token(algorithm));
    const std::string signature = auth::decode_base64url(good.signature).value();
    for (std::size_t i = 0; i < signature.size(); ++i) {
        std::string changed = signature;
        changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
        Parts parts = good;
        parts.signature = encode_base64url(changed);
        ASSERT_EQ(problem_of(*verifier, parts.token()), "no key for it verifies its signature") << i;
    }
}

TEST_P(EachAlgorithm, RefusesSignaturesOfOtherLengths) {
    const Parts good(good_token(algorithm));
    const std::string signature = auth::decode_base64url(good.signature).value();
    for (const std::string& changed :
         {signature.substr(1), signature.substr(0, signature.size() - 1), signature + '\0', '\0' + signature,
          std::string(1, 'x'), signature + signature, std::string(signature.size(), '\0')}) {
        Parts parts = good;
        parts.signature = encode_base64url(changed);
        EXPECT_EQ(problem_of(*verifier, parts.token()), "no key for it verifies its signature") << changed.size();
    }
}

TEST_P(EachAlgorithm, RefusesAnotherPayloadOrHeader) {
    Parts parts(good_token(algorithm));
    parts.payload = encode_base64url(R"({"sub":"bob","exp":)" + in(600) + "}");
    EXPECT_EQ(problem_of(*verifier, parts.token()), "no key for it verifies its signature");
    Parts other(good_token(algorithm));
    other.header = Parts(good_token(algorithm, R"(,"x":1)")).header;
    EXPECT_EQ(problem_of(*verifier, other.token()), "no key for it verifies its signature");
}

TEST_P(EachAlgorithm, RefusesItWhenItIsNotAllowed) {
    JwtPolicy policy = allow_all();
    std::erase(policy.algorithms, algorithm);
    // So that the key still fits something.
    const auto& kept = algorithm <= JwtAlgorithm::rs512 ? signer : secret_signer();
    EXPECT_EQ(problem_of(*make_verifier(policy, {kept.key()}), good_token(algorithm)), "its algorithm is not allowed");
}

TEST_P(EachAlgorithm, RefusesTheKeyOfAnotherAlgorithm) {
    for (const auto other : kAll) {
        if (signer.key().fits(other)) continue;
        const auto wrong = make_verifier(allow_all(), {signer_of(other).key()});
        EXPECT_EQ(problem_of(*wrong, good_token(algorithm)), "no key for it verifies its signature")
            << auth::to_string(other);
    }
}

INSTANTIATE_TEST_SUITE_P(Jwt, EachAlgorithm, ::testing::ValuesIn(kAll),
                         [](const auto& algorithm) { return std::string(auth::to_string(algorithm.param)); });

TEST(JwtSignature, APublicKeyIsNeverASecret) {
    const JwtSigner& rsa = signer_of(JwtAlgorithm::rs256);
    const auto forger = JwtSigner::with_secret(rsa.public_pem());
    const auto verifier = make_verifier(allow_all(), {rsa.key("1")});
    EXPECT_EQ(problem_of(*verifier, rsa.sign(JwtAlgorithm::rs256, good_payload(), R"(,"kid":"1")")), "none");
    EXPECT_EQ(problem_of(*verifier, forger.sign(JwtAlgorithm::hs256, good_payload(), R"(,"kid":"1")")),
              "no key for it verifies its signature");
}

TEST(JwtSignature, EcSignaturesAreNotDer) {
    const JwtSigner& ec = signer_of(JwtAlgorithm::es256);
    Parts parts(good_token(JwtAlgorithm::es256));
    parts.signature = encode_base64url(JwtSigner::der(auth::decode_base64url(parts.signature).value()));
    EXPECT_EQ(problem_of(*make_verifier(allow_all(), {ec.key()}), parts.token()),
              "no key for it verifies its signature");
}

TEST(JwtSignature, RefusesNoneInEveryCase) {
    const auto verifier = verifier_with_all_keys();
    for (const std::string alg : {"none", "None", "NONE", "nOnE", ""}) {
        const std::string header = encode_base64url(R"({"alg":")" + alg + R"("})");
        const std::string payload = encode_base64url(good_payload());
        EXPECT_EQ(problem_of(*verifier, header + '.' + payload + ".AA"), "its algorithm is not allowed");
        EXPECT_EQ(problem_of(*verifier, header + '.' + payload + '.'), "it is not made of three parts");
        EXPECT_EQ(problem_of(*verifier, header + '.' + payload), "it is not made of three parts");
        EXPECT_EQ(problem_of(*verifier, secret_signer().sign_parts(JwtAlgorithm::hs256, header, payload)),
                  "its algorithm is not allowed");
    }
}

TEST(JwtHeader, MustNameAnAllowedAlgorithmExactly) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    const auto with_header = [&](std::string_view header) {
        return problem_of(*verifier, secret_signer().sign_parts(JwtAlgorithm::hs256, encode_base64url(header),
                                                                encode_base64url(good_payload())));
    };
    EXPECT_EQ(with_header(R"({"alg":"HS256"})"), "none");
    for (const std::string_view header :
         {"{}", R"({"alg":null})", R"({"alg":1})", R"({"alg":["HS256"]})", R"({"alg":"hs256"})", R"({"Alg":"HS256"})",
          R"({"alg":"HS256 "})", R"({"alg":"HS256\u0000"})", R"({"alg":"PS256"})", R"({"alg":"EdDSA"})"}) {
        EXPECT_EQ(with_header(header), "its algorithm is not allowed") << header;
    }
    EXPECT_EQ(with_header(R"({"alg":"HS256","alg":"HS256"})"), "its header has a name twice");
    EXPECT_EQ(with_header(R"(["HS256"])"), "its header is not a JSON object");
    EXPECT_EQ(with_header(R"({"alg":"HS256"}x)"), "its header is not JSON");
}

TEST(JwtHeader, MustBeOfTypeJwtIfOfAny) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    for (const std::string typ : {"\"JWT\"", "\"jwt\"", "\"Jwt\""}) {
        EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, ",\"typ\":" + typ)), "none") << typ;
    }
    for (const std::string typ : {"\"at+jwt\"", "\"logout+jwt\"", "\"\"", "1", "null", "\"JWTx\""}) {
        EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, ",\"typ\":" + typ)), "its type is not JWT");
    }
}

TEST(JwtHeader, MayNotAskForWhatIsNotUnderstood) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, R"(,"crit":["b64"],"b64":false)")),
              "it has critical header parameters, of which none is understood");
    EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, R"(,"kid":7)")), "its key id is not a string");
    EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, R"(,"jku":"https://example.org/k","x5c":[]})")),
              "its header is not JSON");
    EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256, R"(,"jku":"https://example.org/k","x5c":[])")),
              "none");
}

TEST(JwtForm, RefusesWhatIsNotThreePartsOfBase64Url) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    const std::string good = good_token(JwtAlgorithm::hs256);
    const std::string parts = "it is not made of three parts", base64 = "a part of it is not base64url";
    EXPECT_EQ(problem_of(*verifier, ""), parts);
    EXPECT_EQ(problem_of(*verifier, "."), parts);
    EXPECT_EQ(problem_of(*verifier, ".."), parts);
    EXPECT_EQ(problem_of(*verifier, "." + good), parts);
    EXPECT_EQ(problem_of(*verifier, good.substr(0, good.rfind('.'))), parts);
    EXPECT_EQ(problem_of(*verifier, good + "."), base64);
    EXPECT_EQ(problem_of(*verifier, good + ".AA.AA"), base64);
    EXPECT_EQ(problem_of(*verifier, good + "="), base64);
    EXPECT_EQ(problem_of(*verifier, " " + good), base64);
    EXPECT_EQ(problem_of(*verifier, good + "\n"), base64);
    EXPECT_EQ(problem_of(*verifier, good + std::string(1, '\0')), base64);
    EXPECT_EQ(problem_of(*verifier, good), "none");
}

TEST(JwtForm, RefusesASecondFormOfTheSameSignature) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    std::string token = good_token(JwtAlgorithm::hs256);
    // 32 bytes are 43 characters, the last of which has two bits to spare.
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    token.back() = alphabet[alphabet.find(token.back()) | 1];
    EXPECT_EQ(problem_of(*verifier, token), "a part of it is not base64url");
}

TEST(JwtForm, RefusesALongTokenBeforeReadingIt) {
    JwtPolicy policy = allow_all();
    policy.max_token_bytes = good_token(JwtAlgorithm::hs256).size();
    const auto verifier = make_verifier(policy, {secret_signer().key()});
    EXPECT_TRUE(verifier->verify(good_token(JwtAlgorithm::hs256), kNow));
    const auto refused = verifier->verify(good_token(JwtAlgorithm::hs256) + 'A', kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (Error{Errc::invalid_argument, "the token is too long"}));
}

TEST(JwtKeys, AreFoundByTheirIds) {
    const auto verifier = verifier_with_all_keys();
    const std::map<JwtAlgorithm, std::string> ids = {{JwtAlgorithm::hs384, "hs"},
                                                     {JwtAlgorithm::rs512, "rs"},
                                                     {JwtAlgorithm::es256, "256"},
                                                     {JwtAlgorithm::es384, "384"},
                                                     {JwtAlgorithm::es512, "512"}};
    for (const auto& [algorithm, id] : ids) {
        for (const auto& [other, other_id] : ids) {
            const auto problem = problem_of(*verifier, good_token(algorithm, R"(,"kid":")" + other_id + "\""));
            EXPECT_EQ(problem, other == algorithm ? "none" : "no key for it verifies its signature");
        }
        EXPECT_NE(problem_of(*verifier, good_token(algorithm)), "none") << "a key with an id needs it";
        EXPECT_NE(problem_of(*verifier, good_token(algorithm, R"(,"kid":"unknown")")), "none");
    }
    const auto claims = verifier->verify(good_token(JwtAlgorithm::es384, R"(,"kid":"384")"), kNow);
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims.value().key_id, "384");
}

TEST(JwtKeys, WithoutAnIdAreForAllIdsThatNoKeyHas) {
    const auto old_key = JwtSigner::with_secret("old"), new_key = JwtSigner::with_secret("new");
    const auto named = JwtSigner::with_secret("named");
    const auto verifier = make_verifier(allow_all(), {old_key.key(), named.key("n"), new_key.key()});
    const auto problem = [&](const JwtSigner& signer, std::string_view more) {
        return problem_of(*verifier, signer.sign(JwtAlgorithm::hs256, good_payload(), more));
    };
    for (const std::string_view more : {"", R"(,"kid":"x")", R"(,"kid":"")"}) {
        EXPECT_EQ(problem(old_key, more), "none");
        EXPECT_EQ(problem(new_key, more), "none");
        EXPECT_NE(problem(named, more), "none");
    }
    EXPECT_EQ(problem(named, R"(,"kid":"n")"), "none");
    EXPECT_NE(problem(old_key, R"(,"kid":"n")"), "none");
}

TEST(JwtKeys, AreChangedWhileTokensAreVerified) {
    const auto a = JwtSigner::with_secret("a"), b = JwtSigner::with_secret("b");
    const auto verifier = make_verifier(allow_all(), {a.key()});
    const std::string token_a = a.sign(JwtAlgorithm::hs256, good_payload());
    const std::string token_b = b.sign(JwtAlgorithm::hs256, good_payload());

    std::atomic<bool> stop{false};
    std::atomic<int> accepted{0}, refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!stop) (verifier->verify(token_a, kNow) ? accepted : refused)++;
        });
    }
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(verifier->set_keys({b.key()}));
        ASSERT_TRUE(verifier->verify(token_b, kNow));
        ASSERT_FALSE(verifier->verify(token_a, kNow));
        ASSERT_TRUE(verifier->set_keys({a.key(), b.key()}));
        ASSERT_TRUE(verifier->verify(token_a, kNow));
    }
    while (accepted == 0) std::this_thread::yield();
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_GT(accepted, 0);
}

TEST(JwtKeys, NoneRefuseEveryToken) {
    const auto verifier = make_verifier(allow_all(), {secret_signer().key()});
    ASSERT_TRUE(verifier->set_keys({}));
    EXPECT_EQ(problem_of(*verifier, good_token(JwtAlgorithm::hs256)), "no key for it verifies its signature");
}

}  // namespace
}  // namespace cryo::test
