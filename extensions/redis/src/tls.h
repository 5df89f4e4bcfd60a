#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include <cryo/redis/options.h>
#include <cryo/result.h>

namespace cryo::redis {

/// What all TLS connections of a client have in common; made of the files once.
class TlsContext {
public:
    /// Errors: `tls_configuration`, which names the file.
    static Result<std::shared_ptr<const TlsContext>> create(const ClientTls& options);

    struct FreeSession {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };
    using Session = std::unique_ptr<SSL, FreeSession>;

    /// The client's side of a connection on a socket, which the session does not own.
    /// @param host connected to: its name or address is verified, unless the options name another
    Result<Session> connect(int socket, const std::string& host) const;

private:
    TlsContext() = default;

    struct FreeContext {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };
    struct FreeMethod {
        void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
    };

    std::unique_ptr<BIO_METHOD, FreeMethod> method_;
    std::unique_ptr<SSL_CTX, FreeContext> context_;
    std::string server_name_{};
};

/// What OpenSSL says went wrong on this thread; empties its queue. With `session` also why a certificate was refused.
std::string tls_reason(const SSL* session = nullptr);

}  // namespace cryo::redis
