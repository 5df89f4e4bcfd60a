#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "transport/loop.h"
#include "transport/poller.h"
#include "transport/tls.h"
#include "transport/watch.h"

namespace cryo::transport {

class LwsContext;

/// Everything of a loop that its users need not see.
///
/// One turn: timers, then the poll (sockets, posted tasks), then its end, where everything that asked for it is
/// flushed. When timers have run there is an end after them, too.
struct Loop::Impl {
    Impl(Loop& owner, ListenConfig listen, Acceptor accept);
    ~Impl();

    // Set-up, in this order.
    Result<> open_tls();
    Result<> open_poller();
    Result<> open_lws();
    Result<> open_listener();

    // Accepting (accept.cpp).
    void accept_ready() noexcept;
    void adopt(int fd, const Socket::Address& remote);
    void add(Socket& socket);
    void remove(Socket& socket);
    void pause_accepting(int error);
    void resume_accepting() noexcept;
    void close_listener();

    // Turns. What throws here ends the process.
    void run();
    void turn() noexcept;
    void run_timers() noexcept;
    int poll_timeout() noexcept;
    void poll(int timeout_ms) noexcept;
    void end_turn() noexcept;
    void flush_turn() noexcept;
    bool spins() noexcept;
    void wake() noexcept;
    void on_wake() noexcept;
    void run_posted() noexcept;
    void let_go() noexcept;
    Clock::time_point now() const noexcept;

    void close_watches();  // watch.cpp

    Loop& loop;
    ListenConfig config;
    Acceptor acceptor;

    Poller poller;
    MemberPollable<Impl, &Impl::accept_ready> listener{*this};
    MemberPollable<Impl, &Impl::on_wake> wake_up{*this};
    int wake_descriptor = -1;        ///< An eventfd.
    std::atomic<bool> woken{false};  ///< It was written to, and that has not been told yet.

    TlsServer tls;
    std::vector<std::byte> read_buffer;
    std::vector<std::byte> tls_write_buffer;
    std::unique_ptr<LwsContext> lws;  ///< With TLS only.

    Clock::time_point spins_until{};
    bool had_work = false;  ///< In this turn.

    mutable Clock::time_point turn_began{};
    mutable bool turn_time_known = false;
    bool running_turns = false;
    TimerWheel wheel;
    std::optional<Clock::time_point> next_expiry;  ///< Of the wheel, if nothing was started since.

    std::vector<Socket*> sockets;
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
