// Tokens as strangers send them, and well-signed ones with any header and payload.
// Input: a token; or a header, a line feed and a payload, which are then signed.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <openssl/rand.h>

#include <cryo/auth/jwt.h>

#include "base64url.h"
#include "support/jwt_signer.h"
#include "token_json.h"

namespace {

using namespace cryo;
using namespace cryo::auth;

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'700'000'000)};

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

/// Nobody knows its secret: what it accepts was signed here.
struct Judge {
    explicit Judge(JwtReading reading) {
        JwtPolicy policy{.algorithms = {JwtAlgorithm::hs256}, .require_end = false, .reading = reading};
        verifier = JwtVerifier::create(policy, {signer.key(), signer.key("1")}).value();
    }

    static std::string random_secret() {
        std::string secret(32, '\0');
        require(RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), 32) == 1, "no randomness");
        return secret;
    }

    test::JwtSigner signer = test::JwtSigner::with_secret(random_secret());
    std::shared_ptr<JwtVerifier> verifier;
};

void check_accepted(const JwtClaims& claims, std::string_view payload) {
    require(claims.json == payload, "the payload is not what was signed");
    require(parse_json_object(claims.json, JwtPolicy{}.max_depth).ok(), "the payload is not strict JSON");
    require(!claims.refused_from || kNow < *claims.refused_from, "an expired token was accepted");
    for (const auto& topic : claims.topics) require(!topic.empty(), "a topic without a name");
}

void check_base64url(std::string_view text) {
    const auto bytes = decode_base64url(text);
    if (bytes) require(encode_base64url(*bytes) == text, "two texts for the same bytes");
    require(decode_base64url(encode_base64url(text)) == text, "base64url loses bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Judge rfc7519(JwtReading::rfc7519), jwt_go(JwtReading::jwt_go);
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    check_base64url(input);
    const auto line_end = input.find('\n');
    for (const Judge* judge : {&rfc7519, &jwt_go}) {
        require(!judge->verifier->verify(input, kNow), "a forged token was accepted");
        if (line_end == std::string_view::npos) continue;
        const auto header = input.substr(0, line_end), payload = input.substr(line_end + 1);
        const auto token =
            judge->signer.sign_parts(JwtAlgorithm::hs256, encode_base64url(header), encode_base64url(payload));
        if (const auto claims = judge->verifier->verify(token, kNow)) check_accepted(claims.value(), payload);
    }
    return 0;
}
