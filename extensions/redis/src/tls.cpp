#include "tls.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

namespace cryo::redis {
namespace {

Error bad_tls(std::string message) { return {Errc::tls_configuration, std::move(message)}; }

/// OpenSSL reports an unreadable file in words that do not name it.
Result<> check_readable(std::string_view what, const std::string& path) {
    std::FILE* const file = std::fopen(path.c_str(), "re");
    if (!file) {
        return bad_tls(
            fmt::format("cannot read the TLS {} file {}: {}", what, path, std::generic_category().message(errno)));
    }
    std::fclose(file);
    return {};
}

int no_passphrase(char*, int, int, void*) { return -1; }  // never prompt on the terminal

bool is_ip_address(const std::string& host) {
    unsigned char address[sizeof(in6_addr)];
    return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that is gone would end the process.

int to_int(void* data) noexcept { return static_cast<int>(reinterpret_cast<std::intptr_t>(data)); }

bool would_block(ssize_t done) noexcept {
    return done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

int send_bytes(BIO* bio, const char* data, int length) {
    const ssize_t sent = ::send(to_int(BIO_get_data(bio)), data, static_cast<std::size_t>(length), MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (would_block(sent)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int receive_bytes(BIO* bio, char* data, int length) {
    const ssize_t got = ::recv(to_int(BIO_get_data(bio)), data, static_cast<std::size_t>(length), 0);
    BIO_clear_retry_flags(bio);
    if (would_block(got)) BIO_set_retry_read(bio);
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(got);
}

long control(BIO* bio, int command, long, void* pointer) {
    switch (command) {
        case BIO_C_SET_FD:
            BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(*static_cast<int*>(pointer))));
            BIO_set_init(bio, 1);
            return 1;
        case BIO_C_GET_FD:
            return to_int(BIO_get_data(bio));
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
        case BIO_CTRL_FLUSH:
            return 1;
        default:
            return 0;
    }
}

BIO_METHOD* make_method() {
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOCKET, "redis socket");
    if (!method) return nullptr;
    BIO_meth_set_write(method, send_bytes);
    BIO_meth_set_read(method, receive_bytes);
    BIO_meth_set_ctrl(method, control);
    return method;
}

Result<> load_own_certificate(SSL_CTX* context, const ClientTls& options) {
    if (options.certificate_file.empty()) return {};
    if (auto readable = check_readable("certificate", options.certificate_file); !readable) return readable;
    if (auto readable = check_readable("key", options.key_file); !readable) return readable;
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
        return bad_tls(fmt::format("no usable PEM certificate in {}: {}", options.certificate_file, tls_reason()));
    }
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return bad_tls(fmt::format("no key in {} that belongs to {}: {}", options.key_file, options.certificate_file,
                                   tls_reason()));
    }
    return {};
}

Result<> load_authorities(SSL_CTX* context, const ClientTls& options) {
    if (options.ca_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
        return bad_tls("cannot use the system's certificate authorities: " + tls_reason());
    }
    if (auto readable = check_readable("CA", options.ca_file); !readable) return readable;
    if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) == 1) return {};
    return bad_tls(fmt::format("no usable PEM certificate in {}: {}", options.ca_file, tls_reason()));
}

}  // namespace

std::string tls_reason(const SSL* session) {
    std::string text;
    if (session && SSL_get_verify_result(session) != X509_V_OK) {
        text = X509_verify_cert_error_string(SSL_get_verify_result(session));
    } else if (const char* reason = ERR_reason_error_string(ERR_peek_last_error())) {
        text = reason;
    }
    ERR_clear_error();
    return text.empty() ? "unknown reason" : text;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const ClientTls& options) {
    ERR_clear_error();
    std::shared_ptr<TlsContext> made(new TlsContext());
    made->method_.reset(make_method());
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = made->context_.get();
    if (!made->method_ || !context) return bad_tls("cannot make a TLS context: " + tls_reason());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (auto loaded = load_authorities(context, options); !loaded) return std::move(loaded).error();
    if (auto loaded = load_own_certificate(context, options); !loaded) return std::move(loaded).error();
    made->server_name_ = options.server_name;
    return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<TlsContext::Session> TlsContext::connect(int socket, const std::string& host) const {
    ERR_clear_error();
    const std::string& name = server_name_.empty() ? host : server_name_;
    Session session(SSL_new(context_.get()));
    BIO* const bio = session ? BIO_new(method_.get()) : nullptr;
    if (!bio) return Error{Errc::system, "cannot make a TLS session: " + tls_reason()};
    BIO_set_fd(bio, socket, BIO_NOCLOSE);
    SSL_set_bio(session.get(), bio, bio);
    const bool named = is_ip_address(name)
                           ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), name.c_str()) == 1
                           : SSL_set1_host(session.get(), name.c_str()) == 1 &&
                                 SSL_set_tlsext_host_name(session.get(), name.c_str()) == 1;
    if (!named) return Error{Errc::system, fmt::format("cannot ask for '{}' by TLS: {}", name, tls_reason())};
    SSL_set_connect_state(session.get());
    return session;
}

}  // namespace cryo::redis
