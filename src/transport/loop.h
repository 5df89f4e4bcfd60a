#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <cryo/logging.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

#include "transport/socket.h"
#include "transport/timer_wheel.h"

struct ssl_ctx_st;

namespace cryo::transport {

struct TlsConfig {
    std::string certificate_file{};  ///< PEM, the server's certificate first, then the chain.
    std::string key_file{};
    std::string client_ca_file{};  ///< Empty: clients need no certificate.
    int minimum_version = 12;      ///< 12 or 13: TLS 1.2 or 1.3.
    /// Made of the above by `load_tls_files`, for any number of loops; null: each loop reads the files.
    std::shared_ptr<ssl_ctx_st> loaded{};
};

/// Makes the handler of an accepted socket; null refuses it (it is closed). Called when the socket is ready for bytes:
/// with TLS after the handshake. Must not throw.
using Acceptor = UniqueFunction<std::shared_ptr<SocketHandler>(Socket&)>;

struct ListenConfig {
    int fd = -1;  ///< A bound, listening, non-blocking socket from `bind_listener`; owned by the loop from `create` on.
    std::optional<TlsConfig> tls{};
    std::chrono::milliseconds tls_handshake_timeout{10'000};
    std::size_t read_buffer_bytes = 128 * 1024;  ///< One for the whole loop.
    std::chrono::microseconds spin{0};           ///< Looks for events for so long before it sleeps.
    std::shared_ptr<ILogger> logger{};
    /// Asked for each connection, before TLS; false: it is closed. Empty: all may.
    UniqueFunction<bool()> may_accept{};
    /// A connection that was let in is gone, whatever became of it.
    UniqueFunction<void()> on_gone{};
    /// Called on the loop's thread after `Loop::wake`, and now and then without one.
    UniqueFunction<void()> on_wake{};
};

/// One thread's event loop, with its share of the listening port.
///
/// Thread safety: `post`, `stop`, `wake` and `ended` from any thread, `stop` from a signal handler too; the rest on the
/// loop's thread, or before `run`. Lifetime: destroy after `run` has returned, on the thread that ran it or after
/// joining that thread; no call may come from another thread any more.
class Loop final {
public:
    static Result<std::unique_ptr<Loop>> create(ListenConfig config, Acceptor acceptor);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Serves until `stop`; then runs what was posted before, closes every socket that is left (each handler gets
    /// `on_closed`), runs what that posted, and returns. Once only.
    void run();
    void stop() noexcept;
    /// Has `ListenConfig::on_wake` called soon. Any thread, signal handlers too.
    void wake() noexcept;

    /// Runs `task` on the loop's thread, in the order of posting; what it flushes leaves in the same turn. False (and
    /// the task destroyed, unrun, on the calling thread) once `run` is over. Tasks must not throw.
    bool post(UniqueFunction<void()> task);
    bool in_loop_thread() const noexcept;
    /// `run` is over but for the last tasks that were taken; timers and watches do nothing any more. Any thread.
    bool ended() const noexcept;

    /// Runs `task` when this turn ends, before sockets are flushed. From within such a task: when the next turn ends.
    /// On the loop's thread; tasks must not throw, nor refer to what may go before the loop's `run` has returned.
    void at_turn_end(UniqueFunction<void()> task);

    /// Stops accepting: the listening socket closes, connections stay.
    void stop_listening();

    /// New connections get the new certificate and CA, old ones stay as they are. On failure the old ones stay in use.
    Result<> reload_certificate(const TlsConfig& config);

    /// The time at which this turn began: cheap, and the same for everything in the turn.
    Clock::time_point now() const noexcept;
    TimerWheel& timers() noexcept;
    /// Connections, those in their TLS handshake included.
    std::size_t socket_count() const noexcept;

private:
    friend class LwsContext;
    friend class Socket;
    friend class TcpSocket;
    friend class TlsSocket;
    friend class Watch;
    struct Impl;

    Loop();

    // What sockets ask of their loop.
    void want_turn_end(Socket& socket);
    void retire(std::shared_ptr<SocketHandler> handler);

    std::unique_ptr<Impl> impl_;
};

struct BoundListener {
    int fd;
    std::uint16_t port;
};

/// Opens a listening TCP socket on a numeric address or host name (empty: every address; `port` 0: a free one).
///
/// With `shared`, further listeners of this process may bind the same port (SO_REUSEPORT). So could another process of
/// the same user by mistake; therefore `first = true` for the first of them, which fails when anyone holds the port.
Result<BoundListener> bind_listener(const std::string& host, std::uint16_t port, bool shared, bool first);

/// Reads certificate, key and CA and checks that they belong together. What it returns works on every loop, whatever
/// becomes of the files.
Result<TlsConfig> load_tls_files(TlsConfig config);
/// The check alone.
Result<> check_tls_files(const TlsConfig& config);

}  // namespace cryo::transport
