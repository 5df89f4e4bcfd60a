#include "jwt_signature.h"

#include <array>
#include <memory>

#include <jwt.h>
#include <openssl/err.h>

#include "jwt_key.h"

namespace cryo::auth {
namespace {

struct Free {
    void operator()(jwt_t* jwt) const noexcept { jwt_free(jwt); }
};

constexpr std::array kLibjwtNames = {JWT_ALG_HS256, JWT_ALG_HS384, JWT_ALG_HS512, JWT_ALG_RS256, JWT_ALG_RS384,
                                     JWT_ALG_RS512, JWT_ALG_ES256, JWT_ALG_ES384, JWT_ALG_ES512};

std::size_t signature_bytes_of(JwtAlgorithm algorithm, const JwtKey& key) {
    switch (algorithm) {
        case JwtAlgorithm::hs256:
            return 32;
        case JwtAlgorithm::hs384:
            return 48;
        case JwtAlgorithm::hs512:
            return 64;
        default:
            return key.data().signature_bytes;
    }
}

}  // namespace

bool signature_is_valid(JwtAlgorithm algorithm, const JwtKey& key, const std::string& token,
                        std::size_t signature_bytes) {
    if (signature_bytes != signature_bytes_of(algorithm, key)) return false;
    const std::string& material = key.data().material;
    jwt_t* decoded = nullptr;
    const int refused = jwt_decode(&decoded, token.c_str(), reinterpret_cast<const unsigned char*>(material.data()),
                                   static_cast<int>(material.size()));
    const std::unique_ptr<jwt_t, Free> jwt(decoded);
    ERR_clear_error();
    return refused == 0 && jwt && jwt_get_alg(jwt.get()) == kLibjwtNames[static_cast<std::size_t>(algorithm)];
}

}  // namespace cryo::auth
