#pragma once

#include "transport/poller.h"
#include "transport/socket.h"

namespace cryo::transport {

/// A connection without TLS.
///
/// Watched edge-triggered, from its start to its end and always for the same: waiting for the peer to send, or for room
/// to write, costs no system call.
class TcpSocket final : private Pollable, public Socket {
public:
    TcpSocket(Loop& loop, int fd, const Address& remote) : Socket(loop, fd, remote) {}
    ~TcpSocket() override;

    /// Watches, and makes the handler. Once. False, with errno: it cannot be watched; the caller has to destroy it.
    bool start();

    bool is_tls() const noexcept override { return false; }

private:
    std::size_t write_some(std::span<const Bytes> buffers) override;
    void apply_reading() override;
    void read_pending() override;
    void kill() override;

    void on_events(std::uint32_t events) noexcept override;

    bool readable_ = false;  ///< There may be something to read, which will not be told again.
    bool drains_ = false;  ///< A short read does not mean that it was all: the stream's end, or urgent data, was told.
};

}  // namespace cryo::transport
