#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "transport/socket.h"
#include "transport/timer_wheel.h"

struct lws;
struct ssl_st;

namespace cryo::transport {

/// A connection over TLS, watched by libwebsockets. That does the handshake and the first read of an event; the rest
/// talks to OpenSSL directly, because libwebsockets stops reading a connection while it holds back bytes to write.
class TlsSocket final : public Socket {
public:
    TlsSocket(Loop& loop, int fd, const Address& remote) : Socket(loop, fd, remote) {}

    /// libwebsockets has taken it in. The handler is made once the handshake is over.
    void start(lws* wsi, std::chrono::milliseconds handshake_timeout);

    bool is_tls() const noexcept override { return true; }

private:
    friend class LwsContext;

    ~TlsSocket() override;

    std::size_t write_some(std::span<const Bytes> buffers) override;
    std::size_t held_bytes() const noexcept override { return held_.size(); }
    void apply_reading() override;
    void finish_shutdown() override;
    /// Also has the handler made, when it is time.
    void read_pending() override;
    void kill() override;

    // What libwebsockets calls; false: close it.
    bool on_readable(std::span<std::byte> data);
    bool on_writable();

    static void on_ssl_info(const ssl_st* ssl, int where, int result);
    void on_handshake_timeout() noexcept;
    void open_after_handshake();

    /// Bytes taken of `data`; fewer: the socket is full, or has failed. OpenSSL wants the record it could not send
    /// again, unchanged: those bytes count as taken and are held here.
    std::size_t write_all(Bytes data);
    /// Goes on with the held record. True: none is left.
    bool flush_held();
    /// False: the socket is full.
    bool send_close_notify();
    /// Reads what is there without waiting. False: the stream has ended.
    bool read_into(std::span<std::byte> buffer, std::size_t& filled);
    void wait_writable();

    lws* wsi_ = nullptr;
    ssl_st* ssl_ = nullptr;
    std::vector<std::byte> held_{};
    MemberTimer<TlsSocket, &TlsSocket::on_handshake_timeout> handshake_timer_{*this};
    bool handshake_over_ = false;
    bool open_ = false;
};

}  // namespace cryo::transport
