#include "transport/loop.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/loop_impl.h"
#include "transport/lws_context.h"

namespace cryo::transport {
namespace {

constexpr std::size_t kTlsWriteBytes = 64 * 1024;

/// Our own writes ask for no signal; OpenSSL's, and those of the libraries that extensions use, cannot.
void ignore_broken_pipes() noexcept {
    struct sigaction current {};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

// ---- Loop: the public face ----

Loop::Loop() = default;
Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::create(ListenConfig config, Acceptor acceptor) {
    ignore_broken_pipes();
    std::unique_ptr<Loop> loop(new Loop);
    loop->impl_ = std::make_unique<Impl>(*loop, std::move(config), std::move(acceptor));
    Impl& impl = *loop->impl_;
    for (auto step : {&Impl::open_tls, &Impl::open_poller, &Impl::open_lws, &Impl::open_listener}) {
        if (auto done = (impl.*step)(); !done) return std::move(done).error();
    }
    return loop;
}

void Loop::run() { impl_->run(); }

void Loop::stop() noexcept {
    impl_->stopping = true;
    impl_->wake();
}

void Loop::wake() noexcept { impl_->wake(); }

bool Loop::post(UniqueFunction<void()> task) {
    {
        const std::lock_guard lock(impl_->post_mutex);
        if (impl_->posts_closed) return false;
        impl_->posted.push_back(std::move(task));
    }
    impl_->wake();
    return true;
}

bool Loop::in_loop_thread() const noexcept { return impl_->thread == std::this_thread::get_id(); }

bool Loop::ended() const noexcept { return impl_->ended; }

void Loop::stop_listening() { impl_->close_listener(); }

Result<> Loop::reload_certificate(const TlsConfig& config) {
    if (!impl_->tls.enabled()) return Error{Errc::wrong_state, "this server has no TLS certificate to replace"};
    return impl_->tls.load(config);
}

Clock::time_point Loop::now() const noexcept { return impl_->now(); }

TimerWheel& Loop::timers() noexcept { return impl_->wheel; }

std::size_t Loop::socket_count() const noexcept { return impl_->sockets.size(); }

void Loop::want_turn_end(Socket& socket) {
    if (socket.turn_slot_ != Socket::kNoSlot) return;
    socket.turn_slot_ = static_cast<std::uint32_t>(impl_->turn_end.size());
    impl_->turn_end.push_back(&socket);
}

void Loop::at_turn_end(UniqueFunction<void()> task) {
    if (!ended()) impl_->turn_end_tasks.push_back(std::move(task));
}

void Loop::retire(std::shared_ptr<SocketHandler> handler) {
    if (handler) impl_->retired.push_back(std::move(handler));
}

// ---- Impl: set-up and take-down ----

Loop::Impl::Impl(Loop& owner, ListenConfig listen, Acceptor accept)
    : loop(owner), config(std::move(listen)), acceptor(std::move(accept)), wheel([this] { return now(); }) {}

Result<> Loop::Impl::open_tls() {
    read_buffer.resize(config.read_buffer_bytes);
    if (!config.tls) return {};
    tls_write_buffer.resize(kTlsWriteBytes);
    return tls.load(*config.tls);
}

Result<> Loop::Impl::open_poller() {
    wake_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    // Edge-triggered, each write to it is told once, and nobody has to read it.
    if (wake_descriptor >= 0 && poller.open() && poller.add(wake_descriptor, EPOLLIN | EPOLLET, wake_up)) return {};
    return Error{Errc::system, "cannot make an event loop: " + std::generic_category().message(errno)};
}

Result<> Loop::Impl::open_lws() {
    if (!tls.enabled()) return {};
    auto made = LwsContext::create(*this);
    if (!made) return std::move(made).error();
    lws = std::move(made).value();
    return {};
}

Loop::Impl::~Impl() {
    close_listener();
    close_watches();
    lws.reset();
    if (wake_descriptor >= 0) ::close(wake_descriptor);
}

// ---- Impl: running ----

void Loop::Impl::run() {
    thread = std::this_thread::get_id();
    running_turns = true;
    while (!stopping) turn();

    close_listener();
    run_posted();
    end_turn();
    while (!sockets.empty()) sockets.back()->kill();
    run_posted();  // what that has posted may still use timers and watches
    end_turn();
    let_go();  // before anybody is refused: who is may take timers and watches apart on a thread of his own
    {
        const std::lock_guard lock(post_mutex);
        posts_closed = true;
    }
    run_posted();
    if (lws) lws->wait(0);  // it closes descriptors in a turn of its own
    end_turn();
    running_turns = false;
    thread = std::thread::id();
}

/// Of what others have left on the loop, so that it never calls them again, nor they it.
void Loop::Impl::let_go() noexcept {
    ended = true;
    close_watches();
    wheel.cancel_all();
    const auto unrun = std::exchange(turn_end_tasks, {});
}

void Loop::Impl::turn() noexcept {
    turn_began = Clock::now();
    turn_time_known = true;
    run_timers();
    const int timeout = poll_timeout();
    turn_time_known = false;
    poll(timeout);
    end_turn();
}

void Loop::Impl::run_timers() noexcept {
    if (wheel.take_started()) next_expiry = wheel.next_expiry();
    if (!next_expiry || turn_began < *next_expiry) return;
    wheel.advance(turn_began);
    end_turn();
    turn_began = Clock::now();  // for the sleep that follows: that may have taken long
    wheel.take_started();
    next_expiry = wheel.next_expiry();
}

int Loop::Impl::poll_timeout() noexcept {
    if (!turn_end.empty() || !turn_end_tasks.empty() || spins()) return 0;
    if (!next_expiry) return -1;
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*next_expiry - turn_began).count();
    return static_cast<int>(std::clamp<std::int64_t>(delay, 0, std::numeric_limits<int>::max()));
}

void Loop::Impl::poll(int timeout_ms) noexcept {
    if (lws) {
        lws->wait(timeout_ms);
    } else if (poller.wait(timeout_ms)) {
        had_work = true;
    }
}

bool Loop::Impl::spins() noexcept {
    if (config.spin.count() == 0) return false;
    if (std::exchange(had_work, false)) spins_until = turn_began + config.spin;
    return turn_began < spins_until;
}

void Loop::Impl::wake() noexcept {
    if (woken.exchange(true)) return;
    const int error = errno;  // of who is interrupted by a signal
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_descriptor, &one, sizeof one);
    errno = error;
}

void Loop::Impl::on_wake() noexcept {
    woken.exchange(false);  // and sees what was there to be told before
    if (config.on_wake) config.on_wake();
    run_posted();
}

void Loop::Impl::run_posted() noexcept {
    {
        const std::lock_guard lock(post_mutex);
        running.swap(posted);
    }
    for (auto& task : running) task();
    running.clear();
}

void Loop::Impl::end_turn() noexcept {
    if (!turn_end_tasks.empty() || !turn_end.empty()) flush_turn();
    while (!retired.empty()) {
        const auto unused = std::exchange(retired, {});
    }
    poller.destroy_removed();
}

void Loop::Impl::flush_turn() noexcept {
    // What asks for the turn's end while it is under way waits for the next one, so that reading gets its share.
    turn_end_running.swap(turn_end_tasks);
    for (auto& task : turn_end_running) task();
    turn_end_running.clear();
    turn_current.swap(turn_end);
    for (std::size_t i = 0; i < turn_current.size(); ++i) {
        Socket* socket = std::exchange(turn_current[i], nullptr);
        if (!socket) continue;
        socket->turn_slot_ = Socket::kNoSlot;
        socket->end_turn();
    }
    turn_current.clear();
}

Clock::time_point Loop::Impl::now() const noexcept {
    if (!running_turns) return Clock::now();
    if (!turn_time_known) {
        turn_began = Clock::now();
        turn_time_known = true;
    }
    return turn_began;
}

void Loop::Impl::add(Socket& socket) {
    socket.socket_slot_ = static_cast<std::uint32_t>(sockets.size());
    sockets.push_back(&socket);
}

void Loop::Impl::remove(Socket& socket) {
    Socket* const last = sockets.back();
    last->socket_slot_ = socket.socket_slot_;
    sockets[socket.socket_slot_] = last;
    sockets.pop_back();

    if (const auto slot = socket.turn_slot_; slot != Socket::kNoSlot) {
        auto& list = slot < turn_current.size() && turn_current[slot] == &socket ? turn_current : turn_end;
        list[slot] = nullptr;
    }
    if (config.on_gone) config.on_gone();
}

}  // namespace cryo::transport
