#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace cryo::test {

/// A certificate made on the fly, with its PEM files in a directory of its own that goes away with it.
///
/// Without an issuer it is self-signed and can issue others (a CA); it is valid for `localhost` and 127.0.0.1.
class TlsCertificate {
public:
    enum class KeyType { ec, rsa };

    explicit TlsCertificate(const std::string& common_name = "localhost", KeyType type = KeyType::ec,
                            const TlsCertificate* issuer = nullptr)
        : key_(type == KeyType::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048), EVP_PKEY_free),
          certificate_(X509_new(), X509_free) {
        fill(common_name, issuer);
        write_files();
    }
    ~TlsCertificate() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    TlsCertificate(const TlsCertificate&) = delete;
    TlsCertificate& operator=(const TlsCertificate&) = delete;

    std::string certificate_file() const { return directory_ / "certificate.pem"; }
    std::string key_file() const { return directory_ / "key.pem"; }
    std::filesystem::path directory() const { return directory_; }

private:
    static void check(bool ok) {
        if (!ok) throw std::runtime_error("cannot make a test certificate");
    }

    void fill(const std::string& common_name, const TlsCertificate* issuer) {
        X509* const x = certificate_.get();
        check(key_ && x && X509_set_version(x, X509_VERSION_3) == 1 && X509_set_pubkey(x, key_.get()) == 1);
        std::uint32_t serial = 0;
        check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
        X509* const signer = issuer ? issuer->certificate_.get() : x;
        check(X509_set_issuer_name(x, X509_get_subject_name(signer)) == 1);
        extend(signer, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
        extend(signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
        check(X509_sign(x, issuer ? issuer->key_.get() : key_.get(), EVP_sha256()) > 0);
    }

    void extend(X509* signer, int nid, const char* value) {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, signer, certificate_.get(), nullptr, nullptr, 0);
        std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
            X509V3_EXT_conf_nid(nullptr, &context, nid, value), X509_EXTENSION_free);
        check(extension && X509_add_ext(certificate_.get(), extension.get(), -1) == 1);
    }

    void write_files() {
        std::string pattern = std::filesystem::temp_directory_path() / "cryo-certificate-XXXXXX";
        check(::mkdtemp(pattern.data()) != nullptr);
        directory_ = pattern;
        std::unique_ptr<std::FILE, int (*)(std::FILE*)> certificate(std::fopen(certificate_file().c_str(), "w"),
                                                                    std::fclose);
        std::unique_ptr<std::FILE, int (*)(std::FILE*)> key(std::fopen(key_file().c_str(), "w"), std::fclose);
        check(certificate && PEM_write_X509(certificate.get(), certificate_.get()) == 1);
        check(key && PEM_write_PrivateKey(key.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> certificate_;
    std::filesystem::path directory_;
};

}  // namespace cryo::test
