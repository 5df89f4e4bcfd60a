#pragma once

#include <uv.h>

#include "transport/socket.h"

namespace cryo::transport {

/// A connection without TLS, watched by libuv alone.
///
/// It is a libuv handle, not an owner of one: what an event touches in both lies close together. libuv may look at the
/// handle until the end of the turn in which it was closed; until then the object stays.
class TcpSocket final : private uv_poll_t, public Socket {
public:
    TcpSocket(Loop& loop, int fd, const Address& remote);

    /// Makes the handler, and watches. Once. False: libuv cannot, and the caller has to destroy the socket.
    bool start();

    bool is_tls() const noexcept override { return false; }

private:
    friend class Loop;

    ~TcpSocket() override;

    std::size_t write_some(std::span<const Bytes> buffers) override;
    void apply_reading() override { watch(); }
    void kill() override;

    void on_event(int status, int events);
    void read();
    /// Has libuv look for what is of interest now. Two system calls when that is something new.
    void watch();

    int watched_ = 0;
};

}  // namespace cryo::transport
