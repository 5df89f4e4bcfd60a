#pragma once

#include <chrono>
#include <string>

#include <cryo/auth/jwt.h>
#include <cryo/result.h>

namespace cryo::auth {

/// The claims in a token's payload, of the types that the policy asks for, and with a name for each that it requires.
Result<JwtClaims> read_claims(std::string payload, const JwtPolicy& policy);

/// Whether the policy accepts them at this time. Errors: see `JwtVerifier::verify`.
Result<> check_claims(const JwtClaims& claims, const JwtPolicy& policy, std::chrono::sys_seconds now);

}  // namespace cryo::auth
