#include "stream.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

namespace cryo::redis {
namespace {

std::string words_of(int error) { return std::generic_category().message(error); }

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int length_for_tls(std::size_t length) noexcept { return static_cast<int>(std::min<std::size_t>(length, INT_MAX)); }

}  // namespace

Result<Stream> Stream::open(const SocketAddress& address) {
    const int family = address.storage.ss_family;
    Stream stream(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (stream.socket_ < 0) return Error{Errc::system, fmt::format("cannot open a socket: {}", words_of(errno))};
    if (family != AF_UNIX) {
        const int on = 1;
        ::setsockopt(stream.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(stream.socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    const int done = ::connect(stream.socket_, reinterpret_cast<const sockaddr*>(&address.storage), address.length);
    if (done != 0 && errno != EINPROGRESS) return Error{Errc::address_unavailable, words_of(errno)};
    return stream;
}

Stream::~Stream() {
    if (socket_ >= 0) ::close(socket_);
}

Stream::Progress Stream::finish_connect() {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    if (error == 0) return {Status::done};
    error_ = words_of(error);
    return {Status::failed};
}

Result<> Stream::use_tls(const TlsContext& context, const std::string& host) {
    auto session = context.connect(socket_, host);
    if (!session) return std::move(session).error();
    session_ = std::move(session).value();
    return {};
}

Stream::Progress Stream::handshake() {
    if (!session_) return {Status::done};
    ERR_clear_error();
    return tls_progress(SSL_do_handshake(session_.get()));
}

Stream::Progress Stream::read(std::span<char> buffer) {
    if (!session_) return socket_progress(::recv(socket_, buffer.data(), buffer.size(), 0));
    ERR_clear_error();
    return tls_progress(SSL_read(session_.get(), buffer.data(), length_for_tls(buffer.size())));
}

Stream::Progress Stream::write(std::string_view bytes) {
    if (!session_) return socket_progress(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    ERR_clear_error();
    return tls_progress(SSL_write(session_.get(), bytes.data(), length_for_tls(bytes.size())));
}

Stream::Progress Stream::socket_progress(ssize_t done) {
    if (done > 0) return {Status::done, static_cast<std::size_t>(done)};
    if (done == 0) return {Status::ended};
    if (would_block(errno)) return {Status::blocked};
    error_ = words_of(errno);
    return {Status::failed};
}

Stream::Progress Stream::tls_progress(int done) {
    const int socket_error = errno;
    wants_write_ = false;
    if (done > 0) return {Status::done, static_cast<std::size_t>(done)};
    switch (SSL_get_error(session_.get(), done)) {
        case SSL_ERROR_WANT_READ:
            return {Status::blocked};
        case SSL_ERROR_WANT_WRITE:
            wants_write_ = true;
            return {Status::blocked};
        case SSL_ERROR_ZERO_RETURN:
            return {Status::ended};
        case SSL_ERROR_SYSCALL:
            error_ = socket_error ? words_of(socket_error) : "closed within TLS";
            return {Status::failed};
        default:
            error_ = "TLS: " + tls_reason(SSL_is_init_finished(session_.get()) ? nullptr : session_.get());
            return {Status::failed};
    }
}

}  // namespace cryo::redis
