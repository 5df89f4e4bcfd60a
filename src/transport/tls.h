#pragma once

#include <memory>

#include <cryo/result.h>

struct ssl_st;
struct ssl_ctx_st;

namespace cryo::transport {

struct TlsConfig;

using SslContext = std::shared_ptr<ssl_ctx_st>;

/// A complete server context from the files: every problem is an `Error` that names the file. Nothing changes it any
/// more, so that loops can share it.
Result<SslContext> make_ssl_context(const TlsConfig& config);

struct TlsPolicy {
    int minimum_version = 0;  ///< As OpenSSL counts.
    bool verify_clients = false;
};

/// The certificate in use by one loop, replaceable while connections are open.
///
/// libwebsockets makes the context its connections start with and keeps it for good, and an SSL_CTX cannot forget a
/// certificate. So that one stays empty, and hands each connection over to the current one when its ClientHello comes.
class TlsServer {
public:
    /// For connections from now on. On failure the one in use stays.
    Result<> load(const TlsConfig& config);
    /// To be called once, with libwebsockets' context.
    void attach(ssl_ctx_st* template_context) noexcept;
    /// libwebsockets wants one for connections to others, of which there are none. Of those it makes by itself it frees
    /// only the process's last.
    ssl_ctx_st* client_context();
    bool enabled() const noexcept { return current_ != nullptr; }

private:
    SslContext current_;
    SslContext client_;
    TlsPolicy policy_;
    ssl_ctx_st* template_ = nullptr;
};

}  // namespace cryo::transport
