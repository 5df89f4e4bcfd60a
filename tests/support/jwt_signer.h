#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cryo/auth/jwt.h>

#include "base64url.h"

namespace cryo::test {

/// Makes tokens, good and bad ones, with keys of its own.
class JwtSigner {
public:
    using Algorithm = auth::JwtAlgorithm;

    static JwtSigner with_secret(std::string secret) {
        JwtSigner signer;
        signer.secret_ = std::move(secret);
        return signer;
    }
    static JwtSigner rsa(unsigned bits = 2048) { return with_key(EVP_RSA_gen(bits)); }
    static JwtSigner ec(const char* curve) { return with_key(EVP_EC_gen(curve)); }
    static JwtSigner ed25519() { return with_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

    std::string public_pem() const { return pem(PEM_write_bio_PUBKEY); }
    std::string private_pem() const {
        return pem([](BIO* bio, EVP_PKEY* key) {
            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

    auth::JwtKey key(std::string id = {}) const {
        auto made = key_ ? auth::JwtKey::public_key(public_pem(), std::move(id))
                         : auth::JwtKey::secret(secret_, std::move(id), 1);
        if (!made) throw std::runtime_error(made.error().message);
        return *made;
    }

    /// A token with this payload, and nothing else in its header but what `more` says, such as `,"kid":"1"`.
    std::string sign(Algorithm algorithm, std::string_view payload, std::string_view more = {}) const {
        std::string header = R"({"alg":")" + std::string(auth::to_string(algorithm)) + '"';
        header.append(more).append("}");
        return sign_parts(algorithm, auth::encode_base64url(header), auth::encode_base64url(payload));
    }
    /// A token of a header and a payload in base64url, whatever they say.
    std::string sign_parts(Algorithm algorithm, std::string_view header, std::string_view payload) const {
        std::string signed_part(header);
        signed_part.append(".").append(payload);
        return signed_part + '.' + auth::encode_base64url(signature(algorithm, signed_part));
    }

    std::string signature(Algorithm algorithm, std::string_view text) const {
        const EVP_MD* digest = digest_of(algorithm);
        if (!key_) {
            unsigned char mac[EVP_MAX_MD_SIZE];
            unsigned size = 0;
            HMAC(digest, secret_.data(), static_cast<int>(secret_.size()), bytes(text), text.size(), mac, &size);
            return {reinterpret_cast<char*>(mac), size};
        }
        std::string signature(1024, '\0');
        std::size_t size = signature.size();
        auto* const out = reinterpret_cast<unsigned char*>(signature.data());
        const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        check(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1);
        check(EVP_DigestSign(context.get(), out, &size, bytes(text), text.size()) == 1);
        signature.resize(size);
        return EVP_PKEY_is_a(key_.get(), "EC") ? raw(signature) : signature;
    }

    /// The DER form of what `signature` gives for an EC key, which tokens must not carry.
    static std::string der(std::string_view raw) {
        const std::shared_ptr<ECDSA_SIG> parts(ECDSA_SIG_new(), ECDSA_SIG_free);
        const int half = static_cast<int>(raw.size() / 2);
        ECDSA_SIG_set0(parts.get(), BN_bin2bn(bytes(raw), half, nullptr), BN_bin2bn(bytes(raw) + half, half, nullptr));
        unsigned char* out = nullptr;
        const int size = i2d_ECDSA_SIG(parts.get(), &out);
        check(size > 0);
        std::string text(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
        OPENSSL_free(out);
        return text;
    }

private:
    static JwtSigner with_key(EVP_PKEY* key) {
        check(key != nullptr);
        JwtSigner signer;
        signer.key_.reset(key, EVP_PKEY_free);
        return signer;
    }

    static void check(bool ok) {
        if (!ok) throw std::runtime_error("OpenSSL failed");
    }
    static const unsigned char* bytes(std::string_view text) {
        return reinterpret_cast<const unsigned char*>(text.data());
    }

    static const EVP_MD* digest_of(Algorithm algorithm) {
        switch (static_cast<int>(algorithm) % 3) {
            case 0:
                return EVP_sha256();
            case 1:
                return EVP_sha384();
            default:
                return EVP_sha512();
        }
    }

    /// RFC 7518, 3.4: the two numbers side by side, as long as the curve's field.
    std::string raw(std::string_view signature) const {
        const auto* in = bytes(signature);
        const std::shared_ptr<ECDSA_SIG> parts(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(signature.size())),
                                               ECDSA_SIG_free);
        check(parts != nullptr);
        const int half = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
        std::string text(static_cast<std::size_t>(2 * half), '\0');
        auto* const out = reinterpret_cast<unsigned char*>(text.data());
        check(BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out, half) == half);
        check(BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out + half, half) == half);
        return text;
    }

    template <class Write>
    std::string pem(Write write) const {
        const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), BIO_free);
        check(write(bio.get(), key_.get()) == 1);
        char* text = nullptr;
        const long size = BIO_get_mem_data(bio.get(), &text);
        return {text, static_cast<std::size_t>(size)};
    }

    std::string secret_{};
    std::shared_ptr<EVP_PKEY> key_{};
};

}  // namespace cryo::test
