#include "transport/loop.h"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/loop_impl.h"

namespace cryo::transport {
namespace {

constexpr std::size_t kTlsWriteBytes = 64 * 1024;
constexpr std::size_t kDescriptorsOfALoop = 16;  // about twice what it takes

/// libuv ends the process, and libwebsockets is left half made, when descriptors run out while they start.
bool descriptors_are_free(std::size_t count) {
    std::vector<int> tried;
    while (tried.size() < count) {
        const int fd = ::eventfd(0, EFD_CLOEXEC);
        if (fd < 0) break;
        tried.push_back(fd);
    }
    for (int fd : tried) ::close(fd);
    return tried.size() == count;
}

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
    for (auto step : {&Impl::open_tls, &Impl::open_uv, &Impl::open_lws, &Impl::open_listener}) {
        if (auto done = (impl.*step)(); !done) return std::move(done).error();
    }
    return loop;
}

void Loop::run() { impl_->run(); }

void Loop::stop() noexcept {
    impl_->stopping = true;
    uv_async_send(&impl_->wake);
}

void Loop::wake() noexcept { uv_async_send(&impl_->wake); }

bool Loop::post(UniqueFunction<void()> task) {
    {
        const std::lock_guard lock(impl_->post_mutex);
        if (impl_->posts_closed) return false;
        impl_->posted.push_back(std::move(task));
        if (impl_->posted.size() > 1) return true;  // the first one has woken the loop
    }
    uv_async_send(&impl_->wake);
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

Result<> Loop::Impl::open_uv() {
    const auto opened = [this](auto& handle, int result) {
        if (result != 0) return false;
        handle.data = this;
        handles.push_back(reinterpret_cast<uv_handle_t*>(&handle));
        return true;
    };
    uv_open = descriptors_are_free(kDescriptorsOfALoop) && uv_loop_init(&uv) == 0;
    if (!uv_open ||
        !opened(wake, uv_async_init(&uv, &wake, [](uv_async_t* h) { static_cast<Impl*>(h->data)->on_wake(); })) ||
        !opened(after_poll, uv_check_init(&uv, &after_poll)) || !opened(prepare, uv_prepare_init(&uv, &prepare)) ||
        !opened(no_sleep, uv_idle_init(&uv, &no_sleep)) || !opened(wheel_timer, uv_timer_init(&uv, &wheel_timer))) {
        return Error{Errc::system, "cannot make an event loop: out of file descriptors or memory"};
    }
    uv_check_start(&after_poll, [](uv_check_t* h) { static_cast<Impl*>(h->data)->end_turn(); });
    uv_prepare_start(&prepare, [](uv_prepare_t* h) { static_cast<Impl*>(h->data)->before_poll(); });
    return {};
}

Loop::Impl::~Impl() {
    close_listener();
    if (!uv_open) return;
    close_watches();
    for (uv_handle_t* handle : handles) uv_close(handle, nullptr);
    close_lws();
    finish_closing();
    [[maybe_unused]] const int left_open = uv_loop_close(&uv);
    assert(left_open == 0);
}

// ---- Impl: running ----

void Loop::Impl::run() {
    thread = std::this_thread::get_id();
    running_turns = true;
    uv_run(&uv, UV_RUN_DEFAULT);

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
    end_turn();
    uv_run(&uv, UV_RUN_NOWAIT);  // descriptors are closed at the end of a turn
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

void Loop::Impl::finish_closing() noexcept {
    while (uv_run(&uv, UV_RUN_NOWAIT) != 0) {
    }
}

void Loop::Impl::on_wake() noexcept {
    had_work = true;
    if (config.on_wake) config.on_wake();
    run_posted();
    if (stopping) uv_stop(&uv);
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
    if (turn_end_tasks.empty() && turn_end.empty() && retired.empty()) return;  // as mostly
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
    while (!retired.empty()) {
        const auto unused = std::exchange(retired, {});
    }
}

void Loop::Impl::before_poll() noexcept {
    end_turn();
    if (wheel.take_started() || !wheel_armed_for) arm_wheel();
    turn_time_known = false;
    if (turn_end.empty() && turn_end_tasks.empty() && !spins()) {
        uv_idle_stop(&no_sleep);
    } else {
        uv_idle_start(&no_sleep, [](uv_idle_t*) {});
    }
}

void Loop::Impl::arm_wheel() noexcept {
    if (const auto next = wheel.next_expiry(); next && (!wheel_armed_for || *next < *wheel_armed_for)) {
        wheel_armed_for = next;
        // libuv counts whole milliseconds from the (truncated) time of its turn: one more saves waking up too early.
        const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*next - now()).count() + 1;
        uv_timer_start(
            &wheel_timer, [](uv_timer_t* h) { static_cast<Impl*>(h->data)->on_wheel_timer(); },
            static_cast<std::uint64_t>(std::max<std::int64_t>(delay, 0)), 0);
    }
}

bool Loop::Impl::spins() noexcept {
    if (config.spin.count() == 0) return false;
    const auto time = Clock::now();
    if (std::exchange(had_work, false)) spins_until = time + config.spin;
    return time < spins_until;
}

void Loop::Impl::on_wheel_timer() noexcept {
    wheel_armed_for.reset();
    wheel.advance(now());
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
    if (adopting == &socket) adopting = nullptr;
    if (config.on_gone) config.on_gone();
}

}  // namespace cryo::transport
