#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <cryo/server.h>

#include "server/admission.h"
#include "server/extension_registry.h"
#include "server/session_registry.h"
#include "server/worker.h"

namespace cryo::server {

/// `Server` itself: owns the loops, and everything that all of them share.
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
    std::vector<LoopPtr> loops() const override;
    ServerStats stats() const override;
    std::size_t session_count() const noexcept override { return registry_.announced_count(); }
    SessionPtr find(const SessionId& id) const override { return registry_.find(id); }
    void for_each_session(std::function<void(Session&)> visit) override;

private:
    enum class Life { created, starting, running, finishing, stopped };

    void session_opened(const std::shared_ptr<session::SessionHandle>& session) override;
    void session_closing(session::SessionHandle& session) override { registry_.erase(session); }

    Result<> check_not_started(std::string_view call) const;
    Result<> begin(bool on_caller);
    void enter(Life life);
    Result<> bring_up(std::size_t on_caller);
    Result<> open();
    Result<> open_workers(std::size_t count);
    Result<> open_worker(std::size_t index, std::size_t count, const std::optional<transport::TlsConfig>& tls);
    Result<> make_threads(std::size_t on_caller);
    void give_up(std::size_t first_thread);
    void announce();
    void on_wake(Worker& worker);
    void finish();
    bool is_running() const;
    Result<> check_may_wait(std::string_view call) const;
    /// Runs `action` on every loop that still runs, each on its own thread, and waits for it.
    void on_all_loops(const std::function<void(Worker&)>& action);
    void use(const extension::Snapshot& list) {
        on_all_loops([&](Worker& worker) { worker.hooks().use(list); });
    }
    std::function<void()> mark_routes();
    void log(LogLevel level, std::string_view message) const;

    const std::shared_ptr<const ServerOptions> options_;
    const std::shared_ptr<connection::ConnectionLimiter> limiter_;
    SessionRegistry registry_{};
    Admission admission_;
    ExtensionRegistry extensions_{
        {.server = *this,
         .spread = [this](const extension::Snapshot& list) { use(list); },
         .mark_routes = [this] { return mark_routes(); },
         .report = [this](std::string_view where,
                          std::exception_ptr error) { workers_[0]->context()->report_exception(where, error); },
         .drain_timeout = options_->drain_timeout}};
    std::function<void(std::uint16_t)> on_listening_{};
    std::function<void(const SessionPtr&)> on_session_{};
    std::function<void(const Error&)> on_error_{};

    std::atomic<std::uint16_t> port_{0};
    std::atomic<bool> stop_requested_{false};
    std::atomic<std::size_t> open_workers_{0};  // written before any thread runs; read by signal handlers
    std::vector<std::unique_ptr<Worker>> workers_{};
    std::vector<LoopPtr> loops_{};
    std::vector<std::thread> threads_{};
    std::latch may_run_{1};  // held back until all extensions have started

    mutable std::mutex life_mutex_{};
    std::condition_variable life_changed_{};
    Life life_ = Life::created;
    bool runs_on_caller_ = false;
    std::mutex reload_mutex_{};
};

}  // namespace cryo::server
