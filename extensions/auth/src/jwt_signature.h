#pragma once

#include <string>

#include <cryo/auth/jwt.h>

namespace cryo::auth {

/// Whether the last part of a token signs the two before it.
///
/// Asks libjwt 1.10, which by itself would let pass too much: it takes the algorithm from the header, in any case, and
/// the key for whatever that needs; parses the payload before the signature is known to be good; stops decoding at a
/// character that is none of base64. So the caller has to make sure of all that first, and of the key: see
/// `JwtVerifier`.
/// @param token three parts of base64url, the last one without padding, and with the algorithm in its header
/// @param signature_bytes of the last part, decoded
bool signature_is_valid(JwtAlgorithm algorithm, const JwtKey& key, const std::string& token,
                        std::size_t signature_bytes);

}  // namespace cryo::auth
