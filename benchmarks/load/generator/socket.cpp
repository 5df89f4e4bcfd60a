#include "generator/socket.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

namespace load {
namespace {

[[noreturn]] void fail_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

template <class Value>
void set_option(int fd, int level, int option, Value value) {
    if (setsockopt(fd, level, option, &value, sizeof value) != 0) fail_errno("setsockopt");
}

}  // namespace

TlsContextPtr make_tls_context() {
    TlsContextPtr context(SSL_CTX_new(TLS_client_method()));
    if (!context) throw std::runtime_error("OpenSSL has no TLS");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

Address make_address(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
        throw std::runtime_error("--host must be a numeric address, not " + host);
    }
    Address address;
    std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
    address.size = found->ai_addrlen;
    freeaddrinfo(found);
    return address;
}

void Socket::connect(const Address& address, SSL_CTX* tls) {
    fd_ = socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail_errno("socket");
    set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd_, SOL_SOCKET, SO_LINGER, linger{1, 0});
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0 && errno != EINPROGRESS) {
        fail_errno("cannot connect");
    }
    if (!tls) return;
    tls_.reset(SSL_new(tls));
    if (!tls_ || SSL_set_fd(tls_.get(), fd_) != 1) throw std::runtime_error("cannot set up TLS");
}

Socket::Handshake Socket::handshake() {
    if (!tls_ || SSL_is_init_finished(tls_.get())) return Handshake::done;
    const int result = SSL_connect(tls_.get());
    if (result == 1) {
        // From now on one system call for a record instead of two.
        SSL_set_read_ahead(tls_.get(), 1);
        constexpr std::size_t kReadBytes = 64 << 10;
        SSL_set_default_read_buffer_len(tls_.get(), kReadBytes);
        return Handshake::done;
    }
    return tls_error(result, "TLS handshake") == SSL_ERROR_WANT_READ ? Handshake::wants_read : Handshake::wants_write;
}

std::size_t Socket::read(std::span<std::byte> room) {
    if (tls_) return read_tls(room);
    const ssize_t got = recv(fd_, room.data(), room.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) throw std::runtime_error("the server closed a connection");
    if (!would_block()) fail_errno("cannot read");
    return 0;
}

std::size_t Socket::read_tls(std::span<std::byte> room) {
    std::size_t filled = 0;
    do {
        std::size_t got = 0;
        const int result = SSL_read_ex(tls_.get(), room.data() + filled, room.size() - filled, &got);
        if (result != 1) {
            tls_error(result, "cannot read");
            break;
        }
        filled += got;
        // What OpenSSL has read ahead, epoll does not know of.
    } while (filled < room.size() && SSL_has_pending(tls_.get()));
    return filled;
}

std::size_t Socket::write(Bytes data) {
    if (tls_) return write_tls(data);
    const ssize_t sent = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (!would_block()) fail_errno("cannot write");
    return 0;
}

std::size_t Socket::write_tls(Bytes data) {
    std::size_t written = 0;
    while (written < data.size()) {
        std::size_t sent = 0;
        const int result = SSL_write_ex(tls_.get(), data.data() + written, data.size() - written, &sent);
        if (result != 1) {
            tls_error(result, "cannot write");
            break;
        }
        written += sent;
    }
    return written;
}

/// Which of the two it waits for; throws for everything else.
int Socket::tls_error(int result, const char* what) const {
    const int error = SSL_get_error(tls_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return error;
    if (error == SSL_ERROR_ZERO_RETURN) throw std::runtime_error("the server closed a connection");
    if (error == SSL_ERROR_SYSCALL && errno != 0) fail_errno(what);
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    throw std::runtime_error(std::string(what) + ": " + (reason ? reason : "the connection ended"));
}

void Socket::reset() noexcept {
    tls_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

}  // namespace load
