#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <cryo/bytes.h>

namespace cryo::transport {

class Loop;

/// What lives on a socket: the HTTP exchange first, a WebSocket connection after the upgrade.
/// Everything is called on the socket's loop thread. Nothing may throw.
class SocketHandler {
public:
    virtual ~SocketHandler() = default;

    /// Bytes from the peer, decrypted. They lie in the loop's read buffer and may be changed in place; valid until
    /// return.
    virtual void on_bytes(std::span<std::byte> data) noexcept = 0;

    /// Time to write: what `Socket::request_flush` has asked for, or a full socket has room again.
    virtual void on_flush() noexcept = 0;

    /// The socket is gone, whoever ended it (the peer's FIN or reset, an error, `close`, the end of the loop): the last
    /// call. The `Socket` may not be used after it returns; the handler is not destroyed before the end of this turn of
    /// the loop.
    virtual void on_closed() noexcept = 0;
};

/// Writes to the descriptor of a plain TCP `Socket` that is neither full nor closing, without a look at the Socket.
/// Returns how many bytes were taken; the rest is for `Socket::write`, which also finds out why.
std::size_t send_now(int descriptor, std::span<const Bytes> buffers) noexcept;

inline std::size_t total_size(std::span<const Bytes> buffers) noexcept {
    std::size_t total = 0;
    for (const Bytes& buffer : buffers) total += buffer.size();
    return total;
}

/// One connection: a `TcpSocket` or a `TlsSocket`. Owned by its loop; valid until `SocketHandler::on_closed` has
/// returned. Loop thread only.
///
/// The peer's FIN ends the connection in both directions: what has not been written by then is lost.
class Socket {
public:
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    Loop& loop() noexcept { return loop_; }

    /// The handler is kept alive by the socket until it is replaced or `on_closed` has returned, and on until the turn
    /// of the loop ends. May be called from within `on_bytes`.
    void set_handler(std::shared_ptr<SocketHandler> handler);

    /// Asks for one `on_flush`: right after `on_bytes`, when asked from within it; at the end of this turn of the loop
    /// otherwise; of the next one when asked from within `on_flush` then.
    void request_flush();

    /// Writes the buffers in order with one system call where the kernel takes them (TCP), or through TLS.
    /// Returns how many bytes were taken. Fewer than given: the socket is full and `on_flush` follows when it has room.
    /// After an error everything counts as taken and `on_closed` follows.
    std::size_t write(std::span<const Bytes> buffers);
    bool full() const noexcept { return full_; }

    /// Bytes taken by `write` that the peer's TCP has not acknowledged yet: waiting in the TLS stream (at most one
    /// record) and in the kernel (SIOCOUTQ). A system call; not for the hot path.
    std::size_t unsent_bytes() const;

    /// Whether `on_bytes` may come. Off: the kernel's buffers fill and TCP slows the peer down; that the peer went away
    /// is then noticed only by writing.
    void set_reading(bool on);

    /// Ends our direction once everything taken by `write` has left: the peer reads to the end, then sees the FIN
    /// (after a TLS close_notify). Bytes that still arrive are thrown away and `on_flush` comes no more; `on_closed`
    /// follows the peer's FIN. Nothing bounds the wait for it: `close` after a timeout.
    void shutdown();

    /// Closes at once; `on_closed` follows: inside this call, or, when called from within one of the handler's
    /// callbacks for this socket, right after that callback.
    void close();

    /// The peer's numeric address, without port; IPv4-mapped IPv6 as IPv4.
    std::string remote_address() const;
    virtual bool is_tls() const noexcept = 0;
    int descriptor() const noexcept { return fd_; }

protected:
    friend class Loop;
    friend class LwsContext;

    using Address = std::array<std::uint8_t, 16>;  ///< IPv6, or IPv4 mapped into it.

    Socket(Loop& loop, int fd, const Address& remote);
    virtual ~Socket() = default;

    // What the two kinds do in their own way.
    virtual std::size_t write_some(std::span<const Bytes> buffers) = 0;  ///< `write` while the socket takes bytes.
    virtual std::size_t held_bytes() const noexcept { return 0; }        ///< Taken, but not in the kernel yet.
    virtual void apply_reading() = 0;                                    ///< `reading_` has changed.
    virtual void finish_shutdown();
    virtual void read_pending() = 0;  ///< Delivers what is there to read and will cause no event any more.
    virtual void kill() = 0;          ///< Closes, tells the handler and takes itself out of the loop.

    // What they share. Everything that calls the handler, but `leave_loop`, is for inside a callback.
    void open();
    void deliver(std::span<std::byte> data);
    void flush_if_wanted();
    void has_room();
    void fail();
    void end_turn();
    void leave_loop();

    Loop& loop_;
    std::shared_ptr<SocketHandler> handler_{};
    int fd_;
    bool in_callback_ : 1 = false;  ///< Closing has to wait until the callback returns.
    bool in_bytes_ : 1 = false;     ///< Flushing, too.
    bool flush_wanted_ : 1 = false;
    bool full_ : 1 = false;  ///< Waiting for the kernel to take more.
    bool reading_ : 1 = true;
    bool finished_ : 1 = false;  ///< `shutdown` was called: no more callbacks but `on_closed`.
    bool closing_ : 1 = false;

private:
    static constexpr std::uint32_t kNoSlot = UINT32_MAX;

    std::uint32_t socket_slot_ = kNoSlot;  ///< Index in the loop's list of sockets.
    std::uint32_t turn_slot_ = kNoSlot;    ///< Index in the loop's list of those that want the turn's end.
    Address remote_;
};

}  // namespace cryo::transport
