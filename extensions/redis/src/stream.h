#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <cryo/result.h>

#include "socket_address.h"
#include "tls.h"

namespace cryo::redis {

/// A non-blocking socket, with TLS or without.
class Stream {
public:
    enum class Status {
        done,
        blocked,  ///< Try again when the socket is ready for it.
        ended,    ///< Closed by the other side.
        failed,   ///< `error` says why.
    };
    struct Progress {
        Status status = Status::failed;
        std::size_t bytes = 0;  ///< Only with `done`.
    };

    /// Begins to connect. Errors: `system`, `address_unavailable`.
    static Result<Stream> open(const SocketAddress& address);

    Stream(Stream&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)), session_(std::move(other.session_)), error_(other.error_) {}
    Stream& operator=(Stream&&) = delete;
    ~Stream();

    int socket() const noexcept { return socket_; }

    /// The socket is writable, or has failed: whether it is connected.
    Progress finish_connect();
    /// Once connected, before bytes are exchanged.
    Result<> use_tls(const TlsContext& context, const std::string& host);
    Progress handshake();

    Progress read(std::span<char> buffer);
    Progress write(std::string_view bytes);

    /// TLS waits for the socket to become writable (readable is always wanted).
    bool wants_write() const noexcept { return wants_write_; }
    const std::string& error() const noexcept { return error_; }

private:
    explicit Stream(int socket) noexcept : socket_(socket) {}

    Progress socket_progress(ssize_t done);
    Progress tls_progress(int done);

    int socket_;
    TlsContext::Session session_{};
    bool wants_write_ = false;
    std::string error_{};
};

}  // namespace cryo::redis
