#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "cale/openssl_ptr.h"
#include "generator/output.h"

namespace load {

using TlsContextPtr = std::unique_ptr<SSL_CTX, cryo::cale::OpensslDeleter<SSL_CTX_free>>;
using TlsPtr = std::unique_ptr<SSL, cryo::cale::OpensslDeleter<SSL_free>>;

/// TLS that believes any server.
TlsContextPtr make_tls_context();

struct Address {
    sockaddr_storage bytes{};
    socklen_t size = 0;
};
/// Of a numeric address; throws.
Address make_address(const std::string& host, std::uint16_t port);

/// A TCP connection that never blocks, with or without TLS. Whatever goes wrong with it throws.
class Socket {
public:
    enum class Handshake { done, wants_read, wants_write };

    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { reset(); }

    int fd() const noexcept { return fd_; }

    /// Starts to connect. @param tls null: without
    void connect(const Address& address, SSL_CTX* tls);
    /// To be called until it is done, before anything is read or written.
    Handshake handshake();
    /// What there is, 0: nothing yet.
    std::size_t read(std::span<std::byte> room);
    /// How much was taken. What was not must come first the next time.
    std::size_t write(Bytes data);
    /// Closes with RST, so that the port is free again at once.
    void reset() noexcept;

private:
    std::size_t read_tls(std::span<std::byte> room);
    std::size_t write_tls(Bytes data);
    int tls_error(int result, const char* what) const;

    int fd_ = -1;
    TlsPtr tls_;
};

}  // namespace load
