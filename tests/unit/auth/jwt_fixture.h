#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/auth/jwt.h>

#include "support/jwt_signer.h"

namespace cryo::test {

using auth::JwtAlgorithm;
using auth::JwtClaims;
using auth::JwtKey;
using auth::JwtPolicy;
using auth::JwtReading;
using auth::JwtVerifier;
using std::chrono::seconds;
using std::chrono::sys_seconds;

/// The time of all these tests.
inline constexpr sys_seconds kNow{seconds(1'700'000'000)};

inline std::string in(int seconds_from_now) {
    return std::to_string(kNow.time_since_epoch().count() + seconds_from_now);
}

/// A payload that every policy without requirements accepts.
inline std::string good_payload() { return R"({"sub":"ann","exp":)" + in(600) + "}"; }

inline std::shared_ptr<JwtVerifier> make_verifier(JwtPolicy policy, std::vector<JwtKey> keys) {
    auto verifier = JwtVerifier::create(std::move(policy), std::move(keys));
    if (!verifier) throw std::runtime_error(verifier.error().message);
    return *verifier;
}

inline std::string problem_of(const JwtVerifier& verifier, std::string_view token) {
    const auto claims = verifier.verify(token, kNow);
    return claims ? "none" : claims.error().message.substr(std::string("the token was refused: ").size());
}

inline const JwtSigner& secret_signer() {
    static const auto signer = JwtSigner::with_secret("0123456789abcdef0123456789abcdef");
    return signer;
}

/// A policy, and payloads signed with a secret for it.
struct Payloads {
    JwtPolicy policy{.algorithms = {JwtAlgorithm::hs256}, .leeway = seconds(0), .require_end = false};

    Result<JwtClaims> read(std::string_view payload) const {
        return make_verifier(policy, {secret_signer().key()})
            ->verify(secret_signer().sign(JwtAlgorithm::hs256, payload), kNow);
    }
    std::string problem(std::string_view payload) const {
        return problem_of(*make_verifier(policy, {secret_signer().key()}),
                          secret_signer().sign(JwtAlgorithm::hs256, payload));
    }
};

}  // namespace cryo::test
