#include <string>

#include "unit/auth/jwt_fixture.h"

namespace cryo::test {
namespace {

std::string problem_with_key(const Result<JwtKey>& key) { return key ? "none" : key.error().message; }

TEST(JwtKey, IsBoundToItsFamily) {
    const auto rsa = JwtSigner::rsa().key(), p256 = JwtSigner::ec("P-256").key(), p521 = JwtSigner::ec("P-521").key();
    const auto secret = secret_signer().key();
    for (int i = 0; i < 9; ++i) {
        const auto algorithm = static_cast<JwtAlgorithm>(i);
        EXPECT_EQ(secret.fits(algorithm), i < 3);
        EXPECT_EQ(rsa.fits(algorithm), i >= 3 && i < 6);
        EXPECT_EQ(p256.fits(algorithm), i == 6);
        EXPECT_EQ(p521.fits(algorithm), i == 8);
    }
}

TEST(JwtKey, RefusesShortSecretsUnlessAsked) {
    EXPECT_EQ(problem_with_key(JwtKey::secret("short")), "the secret has 5 bytes, use 32 or more");
    EXPECT_EQ(problem_with_key(JwtKey::secret("")), "the secret has 0 bytes, use 32 or more");
    EXPECT_EQ(problem_with_key(JwtKey::secret("", "", 0)), "the secret has 0 bytes, use 1 or more");
    EXPECT_TRUE(JwtKey::secret("short", "", 1));
    EXPECT_TRUE(JwtKey::secret(std::string(32, 'x')));
    EXPECT_EQ(problem_with_key(JwtKey::secret(std::string(65'537, 'x'))),
              "the secret has 65537 bytes, at most 65536 can be used");
}

TEST(JwtKey, RefusesWeakAndForeignKeys) {
    EXPECT_EQ(problem_with_key(JwtKey::public_key(JwtSigner::rsa(1024).public_pem())),
              "the RSA key has 1024 bits, use 2048 to 16384");
    EXPECT_EQ(problem_with_key(JwtKey::public_key(JwtSigner::ec("secp256k1").public_pem())),
              "the key is on the curve 'secp256k1', use P-256, P-384 or P-521");
    EXPECT_EQ(problem_with_key(JwtKey::public_key(JwtSigner::ed25519().public_pem())),
              "the key is neither an RSA nor an EC key");
}

TEST(JwtKey, RefusesWhatIsNoPublicKey) {
    const auto signer = JwtSigner::ec("P-256");
    const std::string pem = signer.public_pem();
    for (const std::string& text : {std::string(), std::string("secret"), signer.private_pem(),
                                    pem.substr(0, pem.size() / 2), std::string(1000, '\0')}) {
        EXPECT_EQ(problem_with_key(JwtKey::public_key(text)).substr(0, 33), "the key is no PEM of a public key");
    }
    EXPECT_EQ(problem_with_key(JwtKey::public_key(std::string(100'000, ' '))), "the PEM of the key is too long");
}

TEST(JwtVerifier, NamesEveryProblemOfItsPolicy) {
    const auto made = JwtVerifier::create(
        {.leeway = seconds(-1), .lifetime_without_exp = seconds(0), .max_token_bytes = 0, .max_depth = 0}, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error(), (Error{Errc::invalid_option,
                                   "algorithms is empty, name those that tokens may be signed with\n"
                                   "leeway must be 0 to 600 seconds\n"
                                   "lifetime_without_exp must be more than 0 and at most 100 years\n"
                                   "max_token_bytes must be 1 to 65536\n"
                                   "max_depth must be 1 to 256"}));
}

TEST(JwtVerifier, RefusesKeysItCouldNotUse) {
    const auto make = [](std::vector<JwtKey> keys) {
        const auto made = JwtVerifier::create({.algorithms = {JwtAlgorithm::hs256}}, std::move(keys));
        return made ? "none" : made.error().message;
    };
    const auto key = [](std::string id) { return secret_signer().key(std::move(id)); };
    EXPECT_EQ(make({key("1"), JwtSigner::ec("P-256").key("2")}), "the key '2' fits no allowed algorithm");
    EXPECT_EQ(make({4, key("1")}), "none");
    EXPECT_EQ(make({5, key("1")}), "more than 4 keys have the id '1'");
    std::vector<JwtKey> many;
    for (int i = 0; i < 64; ++i) many.push_back(key(std::to_string(i)));
    EXPECT_EQ(make(many), "none");
    many.push_back(key("64"));
    EXPECT_EQ(make(many), "65 keys are too many, use 64");
}

TEST(JwtVerifier, KeepsItsKeysWhenTheNewOnesAreRefused) {
    const auto verifier = make_verifier({.algorithms = {JwtAlgorithm::hs256}}, {secret_signer().key()});
    EXPECT_FALSE(verifier->set_keys({JwtSigner::ec("P-256").key()}));
    EXPECT_TRUE(verifier->verify(secret_signer().sign(JwtAlgorithm::hs256, good_payload()), kNow));
}

}  // namespace
}  // namespace cryo::test
