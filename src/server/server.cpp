#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <cryo/server.h>

#include "http/static_files.h"
#include "server/admission.h"
#include "server/extension_registry.h"
#include "server/session_registry.h"
#include "server/tls_config.h"
#include "server/worker.h"

namespace cryo {

namespace {

using connection::Counters;
using server::Admission;
using server::Worker;

class ServerImpl final : public Server, private session::SessionHost {
public:
    ServerImpl(ServerOptions options, std::shared_ptr<ITokenValidator> validator, http::TrustedProxies proxies)
        : options_(std::make_shared<const ServerOptions>(std::move(options))),
          limiter_(std::make_shared<connection::ConnectionLimiter>(*options_)),
          admission_({options_, std::move(validator), std::move(proxies), registry_, *this}) {}

    ~ServerImpl() override {
        stop();
        wait();
        finish();
    }

    void on_listening(std::function<void(std::uint16_t)> handler) override { on_listening_ = std::move(handler); }
    void on_session(std::function<void(const SessionPtr&)> handler) override { on_session_ = std::move(handler); }
    void on_error(std::function<void(const Error&)> handler) override { on_error_ = std::move(handler); }

    Result<Endpoint*> websocket(std::string path, WebSocketHandlers handlers) override;
    Result<> http(std::string_view method, std::string_view pattern, HttpHandler handler) override;
    Result<> files(std::string_view prefix, const std::string& folder) override;

    Result<> register_extension(std::shared_ptr<IExtension> extension) override;
    Result<> unregister_extension(std::string_view name) override;
    Result<> reload_tls(const TlsOptions& tls) override;

    Result<> start() override;
    Result<> run() override;
    void stop() noexcept override;
    void wait() override;

    std::uint16_t port() const noexcept override { return port_; }
    ServerStats stats() const override;
    std::size_t session_count() const noexcept override { return registry_.announced_count(); }
    SessionPtr find(const SessionId& id) const override { return registry_.find(id); }
    void for_each_session(std::function<void(Session&)> visit) override;

private:
    enum class Life { created, running, finishing, stopped };

    void session_opened(const std::shared_ptr<session::SessionHandle>& session) override;
    void session_closing(session::SessionHandle& session) override { registry_.erase(session); }

    Result<> check_not_started(std::string_view call) const;
    Result<> begin(bool on_caller);
    Result<> open();
    Result<> open_workers(std::size_t count);
    Result<> open_worker(std::size_t index, std::size_t count, const std::optional<transport::TlsConfig>& tls);
    void on_wake(Worker& worker);
    void give_up(std::size_t first_thread);
    Result<> launch(std::size_t on_caller);
    void finish();
    bool is_running() const;
    Result<> check_may_wait(std::string_view call) const;
    /// Runs `action` on every loop that still runs, each on its own thread, and waits for it.
    void on_all_loops(const std::function<void(Worker&)>& action);
    void use(const extension::Snapshot& list) {
        on_all_loops([&](Worker& worker) { worker.hooks().use(list); });
    }
    void log(LogLevel level, std::string_view message) const;

    const std::shared_ptr<const ServerOptions> options_;
    const std::shared_ptr<connection::ConnectionLimiter> limiter_;
    server::SessionRegistry registry_{};
    Admission admission_;
    server::ExtensionRegistry extensions_{*this, [this](const auto& list) { use(list); }};
    std::function<void(std::uint16_t)> on_listening_{};
    std::function<void(const SessionPtr&)> on_session_{};
    std::function<void(const Error&)> on_error_{};

    std::atomic<std::uint16_t> port_{0};
    std::atomic<bool> stop_requested_{false};
    std::atomic<std::size_t> open_workers_{0};  // written before any thread runs; read by signal handlers
    std::vector<std::unique_ptr<Worker>> workers_{};
    std::vector<std::thread> threads_{};

    mutable std::mutex life_mutex_{};
    std::condition_variable life_changed_{};
    Life life_ = Life::created;
    bool runs_on_caller_ = false;
    std::mutex reload_mutex_{};
};

// -- set-up ----------------------------------------------------------------------------------------------------------

Result<> ServerImpl::check_not_started(std::string_view call) const {
    const std::lock_guard lock(life_mutex_);
    if (life_ == Life::created) return {};
    return Error{Errc::wrong_state, fmt::format("{} has to come before the server starts", call)};
}

Result<Endpoint*> ServerImpl::websocket(std::string path, WebSocketHandlers handlers) {
    if (auto early = check_not_started("websocket()"); !early) return std::move(early).error();
    return admission_.add_endpoint(std::move(path), std::move(handlers));
}

Result<> ServerImpl::http(std::string_view method, std::string_view pattern, HttpHandler handler) {
    if (auto early = check_not_started("http()"); !early) return early;
    if (!handler) return Error{Errc::invalid_argument, fmt::format("no handler for {} {}", method, pattern)};
    return admission_.add_route(method, pattern, std::move(handler));
}

Result<> ServerImpl::files(std::string_view prefix, const std::string& folder) {
    auto opened = http::StaticFiles::open(folder);
    if (!opened) return std::move(opened).error();
    auto files = std::make_shared<http::StaticFiles>(std::move(opened).value());
    std::string pattern(prefix);
    if (!pattern.ends_with('/')) pattern += '/';
    return http("GET", pattern + "*", [files](const HttpRequest& request, HttpReply reply) {
        reply.send(files->serve(request.param("*"), request.header("If-None-Match")));
    });
}

// -- life cycle ------------------------------------------------------------------------------------------------------

Result<> ServerImpl::begin(bool on_caller) {
    const std::lock_guard lock(life_mutex_);
    if (life_ != Life::created) return Error{Errc::wrong_state, "a server can be started only once"};
    life_ = Life::running;
    runs_on_caller_ = on_caller;
    return {};
}

/// Opens the port for every loop; on an error nothing is left open.
Result<> ServerImpl::open() {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t count = options_->threads == 0 ? cores : options_->threads;
    port_ = options_->port;
    const server::ExtensionRegistry::Lock lock(extensions_);  // who registers now waits, then finds all loops
    if (auto opened = open_workers(count); !opened) {
        workers_.clear();
        port_ = 0;
        const std::lock_guard life_lock(life_mutex_);
        life_ = Life::created;
        return opened;
    }
    std::vector<Worker*> all;
    for (const auto& worker : workers_) all.push_back(worker.get());
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

/// After a start that failed half-way: the loops have to be ended, and `stop` may be using them still.
void ServerImpl::give_up(std::size_t first_thread) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        auto& loop = *workers_[i]->context()->loop;
        loop.stop();
        // Those that got no thread end here: somebody may wait for what was posted to them.
        if (i < first_thread || i >= first_thread + threads_.size()) loop.run();
    }
    finish();
}

/// Starts all loops but the first `on_caller`, and tells that the port is open.
Result<> ServerImpl::launch(std::size_t on_caller) {
    try {
        for (std::size_t i = on_caller; i < workers_.size(); ++i) {
            threads_.emplace_back([loop = workers_[i]->context()->loop.get()] { loop->run(); });
        }
    } catch (const std::system_error& error) {
        give_up(on_caller);
        return Error{Errc::system, fmt::format("cannot start a thread: {}", error.what())};
    }
    log(LogLevel::info, fmt::format("listening on {}:{} threads={} tls={}", options_->host, port_.load(),
                                    workers_.size(), options_->tls.has_value()));
    if (!on_listening_) return {};
    auto& context = *workers_[0]->context();
    const auto tell = [this, &context] { context.fenced("on_listening", [&] { on_listening_(port_); }); };
    if (on_caller == 0) {
        tell();
    } else {
        context.loop->post(tell);  // on the loop, so that a call that would wait for this very thread is refused
    }
    return {};
}

Result<> ServerImpl::start() {
    if (auto begun = begin(false); !begun) return begun;
    if (auto opened = open(); !opened) return opened;
    return launch(0);
}

Result<> ServerImpl::run() {
    if (auto begun = begin(true); !begun) return begun;
    if (auto opened = open(); !opened) return opened;
    if (auto launched = launch(1); !launched) return launched;
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
    worker.drain();
}

void ServerImpl::wait() {
    std::unique_lock lock(life_mutex_);
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
    if (life_ == Life::running || life_ == Life::finishing) log(LogLevel::info, "stopped");
    life_ = Life::stopped;
    life_changed_.notify_all();
}

// -- while it runs ---------------------------------------------------------------------------------------------------

bool ServerImpl::is_running() const {
    const std::lock_guard lock(life_mutex_);
    return (life_ == Life::running || life_ == Life::finishing) && open_workers_ > 0;
}

Result<> ServerImpl::check_may_wait(std::string_view call) const {
    const std::size_t count = open_workers_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < count; ++i) {
        if (workers_[i]->context()->loop->in_loop_thread()) {
            return Error{Errc::wrong_state, fmt::format("{} waits for all loops: not to be called on one", call)};
        }
    }
    if (extensions_.held_by_this_thread()) {
        return Error{Errc::wrong_state, fmt::format("{} is not to be called from on_register or on_unregister", call)};
    }
    return {};
}

void ServerImpl::on_all_loops(const std::function<void(Worker&)>& action) {
    std::vector<std::future<void>> done;
    for (const auto& worker : workers_) {
        std::packaged_task<void()> task([&action, worker = worker.get()] { action(*worker); });
        done.push_back(task.get_future());
        (void)worker->context()->loop->post(std::move(task));  // destroyed unrun, it counts as done
    }
    for (auto& each : done) each.wait();
}

Result<> ServerImpl::register_extension(std::shared_ptr<IExtension> extension) {
    if (auto wrong = check_may_wait("register_extension()"); !wrong) return wrong;
    return extensions_.add(std::move(extension));
}

Result<> ServerImpl::unregister_extension(std::string_view name) {
    if (auto wrong = check_may_wait("unregister_extension()"); !wrong) return wrong;
    return extensions_.remove(name);
}

Result<> ServerImpl::reload_tls(const TlsOptions& tls) {
    if (auto wrong = check_may_wait("reload_tls()"); !wrong) return wrong;
    if (!options_->tls) return Error{Errc::wrong_state, "this server was created without TLS"};
    if (!is_running()) return Error{Errc::wrong_state, "reload_tls() needs a server that runs"};
    const std::lock_guard lock(reload_mutex_);  // or loops could end up with different ones of two reloads
    auto config = transport::load_tls_files(server::to_config(tls));
    if (!config) {
        log(LogLevel::error, fmt::format("certificate not reloaded: {}", config.error().message));
        return std::move(config).error();
    }
    // Loaded it cannot fail any more: all loops change over, or none.
    on_all_loops([&](Worker& worker) { (void)worker.context()->loop->reload_certificate(*config); });
    log(LogLevel::info, "certificate reloaded");
    return {};
}

void ServerImpl::session_opened(const std::shared_ptr<session::SessionHandle>& session) {
    registry_.announce(*session);
    if (!on_session_) return;
    auto& context = session->connection()->context();
    if (!context.fenced("on_session", [&] { on_session_(session); })) {
        session->close(CloseCode::server_error, "the session handler failed");
    }
}

void ServerImpl::for_each_session(std::function<void(Session&)> visit) {
    const auto shared_visit = std::make_shared<const std::function<void(Session&)>>(std::move(visit));
    for (const auto& session : registry_.announced()) {
        session->post([session, shared_visit] {
            if (!session->is_open()) return;
            session->connection()->context().fenced("for_each_session", [&] { (*shared_visit)(*session); });
        });
    }
}

ServerStats ServerImpl::stats() const {
    ServerStats total{.connections = limiter_->connections(),
                      .sessions = registry_.announced_count(),
                      .handler_exceptions = extensions_.failures()};
    const std::size_t count = open_workers_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < count; ++i) {
        const Counters& counters = workers_[i]->context()->counters;
        total.accepted += counters.accepted;
        total.upgrades += counters.upgrades;
        total.refused_upgrades += counters.refused_upgrades;
        total.bad_requests += counters.bad_requests;
        total.protocol_errors += counters.protocol_errors;
        total.dropped_messages += counters.dropped_messages;
        total.ack_timeouts += counters.ack_timeouts;
        total.heartbeat_timeouts += counters.heartbeat_timeouts;
        total.handler_exceptions += counters.handler_exceptions;
    }
    return total;
}

void ServerImpl::log(LogLevel level, std::string_view message) const {
    if (!options_->logger) return;
    try {
        options_->logger->log(level, "server", message);
    } catch (...) {
        // A logger cannot stop the server.
    }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(ServerOptions options, std::shared_ptr<ITokenValidator> validator) {
    if (auto valid = options.validate(); !valid) return std::move(valid).error();
    if (options.tls) {
        if (auto usable = transport::check_tls_files(server::to_config(*options.tls)); !usable) {
            return std::move(usable).error();
        }
    }
    auto proxies = http::TrustedProxies::parse(options.trusted_proxies);
    if (!proxies) return std::move(proxies).error();
    return std::unique_ptr<Server>(
        std::make_unique<ServerImpl>(std::move(options), std::move(validator), std::move(proxies).value()));
}

}  // namespace cryo
