#include <future>
#include <utility>

#include <fmt/format.h>

#include "http/static_files.h"
#include "server/server_impl.h"
#include "server/tls_config.h"

namespace cryo::server {

using connection::Counters;

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

std::function<void()> ServerImpl::mark_routes() {
    if (!workers_.empty()) return [] {};  // nothing can be mounted any more
    return [this, mounted = admission_.mounted()] { admission_.restore(mounted); };
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
        return Error{Errc::wrong_state,
                     fmt::format("{} is not to be called from on_register, on_start, on_stop or on_unregister", call)};
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

std::vector<LoopPtr> ServerImpl::loops() const { return open_workers_ == 0 ? std::vector<LoopPtr>() : loops_; }

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

}  // namespace cryo::server

namespace cryo {

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
        std::make_unique<server::ServerImpl>(std::move(options), std::move(validator), std::move(proxies).value()));
}

}  // namespace cryo
