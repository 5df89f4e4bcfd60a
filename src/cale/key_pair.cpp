#include "cale/key_pair.h"

#include <algorithm>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

namespace cryo::cale {
namespace {

constexpr const char* kGroup = "prime256v1";
constexpr std::byte kUncompressed{0x04};
constexpr std::size_t kSecretBytes = 32;

const unsigned char* raw(const std::byte* bytes) noexcept { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* raw(std::byte* bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes); }

/// Null unless the bytes are an uncompressed point of the curve; OpenSSL checks the equation when it decodes the point.
PkeyPtr import_peer(const EVP_PKEY* own, Bytes public_key) {
    if (public_key.size() != kPublicKeyBytes || public_key[0] != kUncompressed) return nullptr;
    PkeyPtr peer(EVP_PKEY_new());
    if (!peer || EVP_PKEY_copy_parameters(peer.get(), own) != 1) return nullptr;
    if (EVP_PKEY_set1_encoded_public_key(peer.get(), raw(public_key.data()), public_key.size()) != 1) return nullptr;
    PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, peer.get(), nullptr));
    if (!check || EVP_PKEY_public_check_quick(check.get()) != 1) return nullptr;
    return peer;
}

/// The peer's key was checked by `import_peer`; a second, full check would take longer than all the rest, and finds
/// nothing more on a curve of cofactor 1.
bool shared_secret(EVP_PKEY* own, EVP_PKEY* peer, std::array<std::byte, kSecretBytes>& secret) {
    constexpr int kNoCheck = 0;
    PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
    std::size_t size = secret.size();
    return context && EVP_PKEY_derive_init(context.get()) == 1 &&
           EVP_PKEY_derive_set_peer_ex(context.get(), peer, kNoCheck) == 1 &&
           EVP_PKEY_derive(context.get(), raw(secret.data()), &size) == 1 && size == secret.size();
}

}  // namespace

SessionKeys::~SessionKeys() {
    OPENSSL_cleanse(server_to_client.data(), server_to_client.size());
    OPENSSL_cleanse(client_to_server.data(), client_to_server.size());
}

std::optional<KeyPair> KeyPair::generate() {
    const ErrorQueueGuard guard;
    PkeyPtr key(EVP_EC_gen(kGroup));
    PublicKey public_key{};
    std::size_t size = 0;
    if (!key ||
        EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, raw(public_key.data()), public_key.size(),
                                        &size) != 1 ||
        size != public_key.size() || public_key[0] != kUncompressed) {
        return std::nullopt;
    }
    return KeyPair(std::move(key), public_key);
}

std::optional<KeyPair> KeyPair::from_private(std::span<const std::byte, kPrivateKeyBytes> private_key,
                                             std::span<const std::byte, kPublicKeyBytes> public_key) {
    const ErrorQueueGuard guard;
    using BignumPtr = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;
    using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
    using ParamsPtr = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;

    const BignumPtr scalar(BN_bin2bn(raw(private_key.data()), static_cast<int>(private_key.size()), nullptr));
    const BuilderPtr builder(OSSL_PARAM_BLD_new());
    if (!scalar || !builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, public_key.data(),
                                         public_key.size()) != 1) {
        return std::nullopt;
    }
    const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* imported = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &imported, EVP_PKEY_KEYPAIR, params.get()) != 1) {
        return std::nullopt;
    }
    PkeyPtr key(imported);
    const PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (!check || EVP_PKEY_pairwise_check(check.get()) != 1) return std::nullopt;

    PublicKey copy{};
    std::copy(public_key.begin(), public_key.end(), copy.begin());
    return KeyPair(std::move(key), copy);
}

std::optional<SessionKeys> KeyPair::derive(Bytes peer_public_key) const {
    const ErrorQueueGuard guard;
    const PkeyPtr peer = import_peer(key_.get(), peer_public_key);
    std::array<std::byte, kSecretBytes> secret{};
    std::optional<SessionKeys> keys;
    if (peer && shared_secret(key_.get(), peer.get(), secret)) {
        std::array<std::byte, SHA256_DIGEST_LENGTH> hash{};
        SHA256(raw(secret.data()), secret.size(), raw(hash.data()));
        keys.emplace();
        std::copy_n(hash.begin(), kKeyBytes, keys->server_to_client.begin());
        std::copy_n(hash.begin() + kKeyBytes, kKeyBytes, keys->client_to_server.begin());
        OPENSSL_cleanse(hash.data(), hash.size());
    }
    OPENSSL_cleanse(secret.data(), secret.size());
    return keys;
}

}  // namespace cryo::cale
