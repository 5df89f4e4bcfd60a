#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <libwebsockets.h>
#include <uv.h>

#include "transport/loop.h"
#include "transport/tls.h"
#include "transport/watch.h"

namespace cryo::transport {

/// Everything of a loop that needs libuv's or libwebsockets' headers, or that sockets share.
///
/// One turn: timers, then the poll (sockets, posted tasks), then its end, where everything that asked for it is
/// flushed. The end comes twice: right after the poll (uv_check), and before the next one (uv_prepare) for what timers
/// asked for.
struct Loop::Impl {
    Impl(Loop& owner, ListenConfig listen, Acceptor accept);
    ~Impl();

    // Set-up, in this order.
    Result<> open_tls();
    Result<> open_uv();
    Result<> open_lws();
    Result<> open_listener();

    // Accepting (accept.cpp).
    void accept_ready() noexcept;
    void adopt(int fd, const Socket::Address& remote);
    void adopt_tls(int fd, const Socket::Address& remote);
    void add(Socket& socket);
    void remove(Socket& socket);
    void pause_accepting(int error);
    void resume_accepting() noexcept;
    void close_listener();

    // Turns. Called from C: an exception ends the process, as it would anyway.
    void run();
    void on_wake() noexcept;
    void on_wheel_timer() noexcept;
    void end_turn() noexcept;
    void before_poll() noexcept;
    void arm_wheel() noexcept;
    bool spins() noexcept;
    void run_posted() noexcept;
    void let_go() noexcept;
    Clock::time_point now() const noexcept;

    void close_watches();  // watch.cpp
    /// Runs what libuv has to do for handles that were closed.
    void finish_closing() noexcept;

    // libwebsockets, which watches the connections of a loop with TLS (lws_glue.cpp).
    static int on_lws(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) noexcept;
    void close_lws();

    Loop& loop;
    ListenConfig config;
    Acceptor acceptor;

    uv_loop_t uv{};
    uv_async_t wake{};
    uv_check_t after_poll{};
    uv_prepare_t prepare{};
    uv_idle_t no_sleep{};  ///< Active while something waits for the next turn's end, or the loop spins.
    uv_timer_t wheel_timer{};
    uv_poll_t listener{};
    std::vector<uv_handle_t*> handles;  ///< Of the above, those that are open.
    bool uv_open = false;
    bool listener_open = false;

    lws_context* context = nullptr;
    lws_vhost* vhost = nullptr;
    int event_descriptor = -1;  ///< libwebsockets' own, for waking it up.
    lws_protocols protocols[2]{};
    lws_retry_bo_t no_validity_checks{};
    TlsServer tls;
    std::vector<std::byte> read_buffer;
    std::vector<std::byte> tls_write_buffer;

    Clock::time_point spins_until{};
    bool had_work = false;  ///< In this turn.

    mutable Clock::time_point turn_began{};
    mutable bool turn_time_known = false;
    bool running_turns = false;
    TimerWheel wheel;
    std::optional<Clock::time_point> wheel_armed_for;

    std::vector<Socket*> sockets;
    Socket* adopting = nullptr;         ///< Null again when libwebsockets has closed it already.
    std::vector<Socket*> turn_end;      ///< Asked for the end of this turn; null: gone since.
    std::vector<Socket*> turn_current;  ///< The same while the end is under way.
    std::vector<UniqueFunction<void()>> turn_end_tasks;
    std::vector<UniqueFunction<void()>> turn_end_running;
    std::vector<std::shared_ptr<SocketHandler>> retired;

    std::unordered_map<int, Watch::Handle*> watches;  ///< Those that are open, by descriptor.

    MemberTimer<Impl, &Impl::resume_accepting> accept_pause{*this};
    bool out_of_descriptors = false;

    std::mutex post_mutex;
    std::vector<UniqueFunction<void()>> posted;
    std::vector<UniqueFunction<void()>> running;
    bool posts_closed = false;
    std::atomic<bool> stopping{false};
    std::atomic<bool> ended{false};
    std::atomic<std::thread::id> thread{};
};

}  // namespace cryo::transport
