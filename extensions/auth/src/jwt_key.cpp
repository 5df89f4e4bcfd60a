#include "jwt_key.h"

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace cryo::auth {
namespace {

constexpr std::size_t kMaxKeyBytes = 64u << 10;
constexpr int kMinRsaBits = 2048, kMaxRsaBits = 16'384;

struct Free {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
template <class T>
using Handle = std::unique_ptr<T, Free>;

Handle<EVP_PKEY> read_public_key(std::string_view pem) {
    const Handle<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    // OpenSSL would ask on the terminal for the password of an encrypted key.
    const auto no_password = [](char*, int, int, void*) { return 0; };
    Handle<EVP_PKEY> key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr) : nullptr);
    ERR_clear_error();
    return key;
}

/// As libjwt will read it: nothing but the key.
std::string write_public_key(EVP_PKEY* key) {
    const Handle<BIO> bio(BIO_new(BIO_s_mem()));
    char* text = nullptr;
    if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1) return {};
    const long size = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
}

struct Fit {
    JwtAlgorithm first{};
    int count = 0;
    std::size_t signature_bytes = 0;
};

Result<Fit> fit_of(EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA")) {
        if (bits < kMinRsaBits || bits > kMaxRsaBits) {
            return Error{Errc::invalid_argument,
                         fmt::format("the RSA key has {} bits, use {} to {}", bits, kMinRsaBits, kMaxRsaBits)};
        }
        return Fit{JwtAlgorithm::rs256, 3, static_cast<std::size_t>(bits + 7) / 8};
    }
    if (EVP_PKEY_is_a(key, "EC")) {
        char curve[64] = "";
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, nullptr);
        const std::string_view name = curve;
        if (name == "prime256v1") return Fit{JwtAlgorithm::es256, 1, 64};
        if (name == "secp384r1") return Fit{JwtAlgorithm::es384, 1, 96};
        if (name == "secp521r1") return Fit{JwtAlgorithm::es512, 1, 132};
        return Error{Errc::invalid_argument,
                     fmt::format("the key is on the curve '{}', use P-256, P-384 or P-521", name)};
    }
    return Error{Errc::invalid_argument, "the key is neither an RSA nor an EC key"};
}

}  // namespace

JwtKey::Data::~Data() { OPENSSL_cleanse(material.data(), material.size()); }

Result<JwtKey> JwtKey::secret(std::string_view secret, std::string id, std::size_t min_bytes) {
    if (secret.empty() || secret.size() < min_bytes) {
        return Error{Errc::invalid_argument, fmt::format("the secret has {} bytes, use {} or more", secret.size(),
                                                         std::max<std::size_t>(min_bytes, 1))};
    }
    if (secret.size() > kMaxKeyBytes) {
        return Error{Errc::invalid_argument,
                     fmt::format("the secret has {} bytes, at most {} can be used", secret.size(), kMaxKeyBytes)};
    }
    auto data = std::make_shared<Data>();
    data->id = std::move(id);
    data->first = JwtAlgorithm::hs256;
    data->count = 3;
    data->material = secret;
    return JwtKey(std::move(data));
}

Result<JwtKey> JwtKey::public_key(std::string_view pem, std::string id) {
    if (pem.size() > kMaxKeyBytes) return Error{Errc::invalid_argument, "the PEM of the key is too long"};
    const auto key = read_public_key(pem);
    if (!key) {
        return Error{Errc::invalid_argument,
                     "the key is no PEM of a public key (-----BEGIN PUBLIC KEY-----); openssl pkey -pubout makes one"};
    }
    auto fit = fit_of(key.get());
    if (!fit) return std::move(fit).error();

    auto data = std::make_shared<Data>();
    data->id = std::move(id);
    data->first = fit->first;
    data->count = fit->count;
    data->signature_bytes = fit->signature_bytes;
    data->material = write_public_key(key.get());
    if (data->material.empty()) return Error{Errc::invalid_argument, "the key cannot be written as PEM"};
    return JwtKey(std::move(data));
}

const std::string& JwtKey::id() const noexcept { return data_->id; }

bool JwtKey::fits(JwtAlgorithm algorithm) const noexcept {
    const int distance = static_cast<int>(algorithm) - static_cast<int>(data_->first);
    return distance >= 0 && distance < data_->count;
}

}  // namespace cryo::auth
