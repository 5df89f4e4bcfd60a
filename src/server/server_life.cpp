#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "connection/public_loop.h"
#include "server/server_impl.h"
#include "server/tls_config.h"

namespace cryo::server {

// -- life cycle ------------------------------------------------------------------------------------------------------

Result<> ServerImpl::begin(bool on_caller) {
    const std::lock_guard lock(life_mutex_);
    if (life_ != Life::created) return Error{Errc::wrong_state, "a server can be started only once"};
    life_ = Life::starting;
    runs_on_caller_ = on_caller;
    return {};
}

void ServerImpl::enter(Life life) {
    const std::lock_guard lock(life_mutex_);
    life_ = life;
    life_changed_.notify_all();
}

/// Everything up to the point where the loops may run: with an error nothing is left, or everything has ended.
Result<> ServerImpl::bring_up(std::size_t on_caller) {
    Result<> done;
    {
        const ExtensionRegistry::Lock lock(extensions_);  // who registers now waits, then finds all loops
        if (done = open(); !done) {
            enter(Life::created);
            return done;
        }
        if (done = make_threads(on_caller); done) done = extensions_.start_all();
    }
    if (!done) give_up(on_caller);
    return done;
}

/// Opens the port for every loop; on an error nothing is left open.
Result<> ServerImpl::open() {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t count = options_->threads == 0 ? cores : options_->threads;
    port_ = options_->port;
    if (auto opened = open_workers(count); !opened) {
        workers_.clear();
        port_ = 0;
        return opened;
    }
    std::vector<Worker*> all;
    for (const auto& worker : workers_) {
        all.push_back(worker.get());
        loops_.push_back(std::make_shared<connection::PublicLoop>(worker->context()));
    }
    admission_.attach(std::move(all));
    open_workers_ = count;        // sequentially consistent with stop(): one of the two sees the other
    if (stop_requested_) stop();  // it came before there was anybody to tell
    return {};
}

Result<> ServerImpl::open_workers(std::size_t count) {
    std::optional<transport::TlsConfig> tls;  // read once, so that no loop gets other files than the next
    if (options_->tls) {
        auto loaded = transport::load_tls_files(server::to_config(*options_->tls));
        if (!loaded) return std::move(loaded).error();
        tls = std::move(loaded).value();
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (auto opened = open_worker(i, count, tls); !opened) return opened;
    }
    return {};
}

Result<> ServerImpl::open_worker(std::size_t index, std::size_t count, const std::optional<transport::TlsConfig>& tls) {
    auto worker = std::make_unique<Worker>(index, options_, limiter_, on_error_);
    auto listener = transport::bind_listener(options_->host, port_, count > 1, index == 0);
    if (!listener) return std::move(listener).error();
    port_ = listener->port;
    auto opened = worker->open(listener->fd, tls, admission_, [this, worker = worker.get()] { on_wake(*worker); });
    if (!opened) return opened;
    worker->hooks().use(extensions_.snapshot());
    workers_.push_back(std::move(worker));
    return {};
}

/// Makes the threads of all loops but the first `on_caller`; they wait for `may_run_`.
Result<> ServerImpl::make_threads(std::size_t on_caller) {
    try {
        for (std::size_t i = on_caller; i < workers_.size(); ++i) {
            threads_.emplace_back([this, loop = workers_[i]->context()->loop.get()] {
                may_run_.wait();
                loop->run();
            });
        }
        return {};
    } catch (const std::system_error& error) {
        return Error{Errc::system, fmt::format("cannot start a thread: {}", error.what())};
    }
}

/// After a start that failed half-way: extensions that have started are to stop, for which the loops have to run, and
/// somebody may wait for what was posted to them.
void ServerImpl::give_up(std::size_t first_thread) {
    for (const auto& worker : workers_) worker->context()->loop->stop_listening();
    stop();
    may_run_.count_down();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const bool has_thread = i >= first_thread && i < first_thread + threads_.size();
        if (!has_thread) workers_[i]->context()->loop->run();
    }
    finish();
}

/// The loops run, and the port is served.
void ServerImpl::announce() {
    enter(Life::running);
    may_run_.count_down();
    log(LogLevel::info, fmt::format("listening on {}:{} threads={} tls={}", options_->host, port_.load(),
                                    workers_.size(), options_->tls.has_value()));
    if (!on_listening_) return;
    auto& context = *workers_[0]->context();
    const auto tell = [this, &context] { context.fenced("on_listening", [&] { on_listening_(port_); }); };
    if (runs_on_caller_) {
        context.loop->post(tell);  // on the loop, so that a call that would wait for this very thread is refused
    } else {
        tell();
    }
}

Result<> ServerImpl::start() {
    if (auto begun = begin(false); !begun) return begun;
    if (auto up = bring_up(0); !up) return up;
    announce();
    return {};
}

Result<> ServerImpl::run() {
    if (auto begun = begin(true); !begun) return begun;
    if (auto up = bring_up(1); !up) return up;
    announce();
    workers_[0]->context()->loop->run();
    finish();
    return {};
}

void ServerImpl::stop() noexcept {
    stop_requested_ = true;
    const std::size_t count = open_workers_;
    for (std::size_t i = 0; i < count; ++i) workers_[i]->context()->loop->wake();
}

void ServerImpl::on_wake(Worker& worker) {
    if (!stop_requested_ || worker.draining()) return;
    admission_.start_draining();
    if (worker.index() == 0) extensions_.stop_all();
    worker.drain([this] { return extensions_.wants_loops(); });
}

void ServerImpl::wait() {
    std::unique_lock lock(life_mutex_);
    life_changed_.wait(lock, [&] { return life_ != Life::starting; });
    if (life_ == Life::running && !runs_on_caller_) {
        life_ = Life::finishing;
        lock.unlock();
        return finish();
    }
    if (life_ == Life::created) return;
    life_changed_.wait(lock, [&] { return life_ == Life::stopped; });
}

/// Every loop has been told to end: waits for them, then takes leave of the extensions.
void ServerImpl::finish() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    extensions_.close();
    const std::lock_guard lock(life_mutex_);
    if (life_ != Life::created && life_ != Life::stopped) log(LogLevel::info, "stopped");
    life_ = Life::stopped;
    life_changed_.notify_all();
}

}  // namespace cryo::server
