#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <cryo/bytes.h>

#include "transport/timer_wheel.h"

struct ssl_st;

namespace cryo::transport {

class Socket;

/// What a TLS socket has beside a TCP one. libwebsockets does the handshake and the first read of an event; the rest
/// talks to OpenSSL directly, because libwebsockets stops reading a connection while it holds back bytes to write.
class TlsStream {
public:
    TlsStream(Socket& socket, ssl_st* ssl, std::chrono::milliseconds handshake_timeout);
    ~TlsStream();

    /// Like `Socket::write`. OpenSSL wants the record it could not send again, unchanged: those bytes count as taken
    /// and are held here.
    std::size_t write(std::span<const Bytes> buffers);

    /// Goes on with the held record. True: none is left.
    bool flush_held();
    std::size_t held_bytes() const noexcept { return held_.size(); }

    /// False: the socket is full; call again when it is not.
    bool send_close_notify();

    /// Has the socket's handler made, once the handshake is over.
    void open_after_handshake();

    /// Delivers what OpenSSL has decrypted or can without waiting.
    void read_pending();

private:
    static void on_ssl_info(const ssl_st* ssl, int where, int result);
    void on_handshake_timeout() noexcept;

    /// Bytes taken of `data`; fewer: the socket is full, or has failed.
    std::size_t write_all(Bytes data);
    /// Reads what is there without waiting. False: the stream has ended.
    bool read_into(std::span<std::byte> buffer, std::size_t& filled);

    Socket& socket_;
    ssl_st* ssl_;
    std::vector<std::byte> held_;
    MemberTimer<TlsStream, &TlsStream::on_handshake_timeout> handshake_timer_{*this};
    bool handshake_over_ = false;
    bool open_ = false;
};

}  // namespace cryo::transport
