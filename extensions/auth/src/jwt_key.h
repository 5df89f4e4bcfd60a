#pragma once

#include <cstddef>
#include <string>

#include <cryo/auth/jwt.h>

namespace cryo::auth {

struct JwtKey::Data {
    Data() = default;
    Data(const Data&) = delete;
    Data& operator=(const Data&) = delete;
    ~Data();

    std::string id{};
    /// The first of the algorithms it is for, and how many follow: each family's are in a row.
    JwtAlgorithm first{};
    int count = 0;
    std::string material{};           ///< What libjwt takes: the secret, or a public key in PEM.
    std::size_t signature_bytes = 0;  ///< Of a public key; a secret's depend on the algorithm.
};

}  // namespace cryo::auth
