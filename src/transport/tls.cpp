#include "transport/tls.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "transport/loop.h"

namespace cryo::transport {

namespace {

SslContext new_context(const SSL_METHOD* method) { return {SSL_CTX_new(method), SSL_CTX_free}; }

Error bad_tls(std::string message) { return {Errc::tls_configuration, std::move(message)}; }

std::string openssl_reason() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

/// OpenSSL reports an unreadable file, and one that is not PEM, in words that name neither.
Result<> check_readable(const std::string& what, const std::string& path) {
    if (path.empty()) return bad_tls("no TLS " + what + " file is given");
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (!file)
        return bad_tls("cannot read the TLS " + what + " file " + path + ": " + std::generic_category().message(errno));
    std::fclose(file);
    return {};
}

int no_passphrase(char*, int, int, void*) { return -1; }  // never prompt on the terminal

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                unsigned int in_length, void*) {
    static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* selected = nullptr;
    if (SSL_select_next_proto(&selected, out_length, kHttp11, sizeof kHttp11, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

/// What both the template and the current context need: a connection takes some of it from the one it started with,
/// some from the one it was handed over to.
void apply_policy(SSL_CTX* context, TlsPolicy policy) {
    static constexpr unsigned char kSessionContext[] = "cryo";
    SSL_CTX_set_min_proto_version(context, policy.minimum_version);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Tickets carry sessions; a cache on the server would grow with the number of clients.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
    SSL_CTX_set_verify(
        context, policy.verify_clients ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
}

Result<> load_files(SSL_CTX* context, const TlsConfig& config) {
    if (auto readable = check_readable("certificate", config.certificate_file); !readable) return readable;
    if (auto readable = check_readable("key", config.key_file); !readable) return readable;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, config.certificate_file.c_str()) != 1) {
        return bad_tls("no usable PEM certificate in " + config.certificate_file + ": " + openssl_reason());
    }
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                              ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
        if (!mismatch) return bad_tls("no usable PEM key in " + config.key_file + ": " + openssl_reason());
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        return bad_tls("the TLS key in " + config.key_file + " does not belong to the certificate in " +
                       config.certificate_file);
    }
    return {};
}

Result<> load_client_ca(SSL_CTX* context, const std::string& path) {
    if (auto readable = check_readable("client CA", path); !readable) return readable;
    ERR_clear_error();
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(path.c_str());
    if (!names || SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return bad_tls("no usable PEM certificates of a client CA in " + path + ": " + openssl_reason());
    }
    SSL_CTX_set_client_CA_list(context, names);
    return {};
}

/// Clients resume with tickets that only these keys open; what an old client CA vouched for ends here.
void forget_sessions(SSL_CTX* context) {
    std::vector<unsigned char> keys(static_cast<std::size_t>(SSL_CTX_get_tlsext_ticket_keys(context, nullptr, 0)));
    if (RAND_bytes(keys.data(), static_cast<int>(keys.size())) != 1) return;
    SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), static_cast<long>(keys.size()));
    OPENSSL_cleanse(keys.data(), keys.size());
}

int openssl_version(int minimum_version) { return minimum_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION; }

/// `current` points to what the connection is to be handed over to.
int on_client_hello(SSL* ssl, int*, void* current) {
    SSL_set_SSL_CTX(ssl, static_cast<SslContext*>(current)->get());
    return SSL_CLIENT_HELLO_SUCCESS;
}

}  // namespace

Result<SslContext> make_ssl_context(const TlsConfig& config) {
    if (config.minimum_version != 12 && config.minimum_version != 13) {
        return bad_tls("the minimum TLS version must be 12 or 13, not " + std::to_string(config.minimum_version));
    }
    SslContext context = new_context(TLS_server_method());
    if (!context) return bad_tls("OpenSSL cannot make a context: " + openssl_reason());
    apply_policy(context.get(), {openssl_version(config.minimum_version), !config.client_ca_file.empty()});
    if (auto loaded = load_files(context.get(), config); !loaded) return std::move(loaded).error();
    if (!config.client_ca_file.empty()) {
        if (auto loaded = load_client_ca(context.get(), config.client_ca_file); !loaded)
            return std::move(loaded).error();
    }
    return context;
}

Result<> TlsServer::load(const TlsConfig& config) {
    auto context = config.loaded ? Result<SslContext>(config.loaded) : make_ssl_context(config);
    if (!context) return std::move(context).error();
    current_ = std::move(*context);
    policy_ = {openssl_version(config.minimum_version), !config.client_ca_file.empty()};
    if (template_) {
        apply_policy(template_, policy_);
        forget_sessions(template_);
    }
    return {};
}

ssl_ctx_st* TlsServer::client_context() {
    if (!client_) client_ = new_context(TLS_client_method());
    return client_.get();
}

void TlsServer::attach(ssl_ctx_st* template_context) noexcept {
    template_ = template_context;
    apply_policy(template_, policy_);
    SSL_CTX_set_tlsext_servername_callback(template_, nullptr);  // libwebsockets' one expects its own context
    SSL_CTX_set_client_hello_cb(template_, on_client_hello, &current_);
}

Result<TlsConfig> load_tls_files(TlsConfig config) {
    auto made = make_ssl_context(config);
    if (!made) return std::move(made).error();
    config.loaded = std::move(*made);
    return config;
}

Result<> check_tls_files(const TlsConfig& config) {
    auto made = make_ssl_context(config);
    return made ? Result<>() : Result<>(std::move(made).error());
}

}  // namespace cryo::transport
