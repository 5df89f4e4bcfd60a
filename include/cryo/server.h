#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/auth.h>
#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/extension.h>
#include <cryo/http.h>
#include <cryo/loop.h>
#include <cryo/options.h>
#include <cryo/result.h>
#include <cryo/session.h>

namespace cryo {

/// Counters of a server since it started. A snapshot.
struct ServerStats {
    std::size_t connections = 0;         ///< Sockets that are open now.
    std::size_t sessions = 0;            ///< Cryo sessions that are open now.
    std::uint64_t accepted = 0;          ///< Sockets since the start.
    std::uint64_t upgrades = 0;          ///< WebSocket connections since the start.
    std::uint64_t refused_upgrades = 0;  ///< 401, 403, 404, 429, 503 ...
    std::uint64_t bad_requests = 0;      ///< What was not HTTP, or too large, or too late.
    std::uint64_t protocol_errors = 0;   ///< WebSocket and Cryo violations.
    std::uint64_t dropped_messages = 0;  ///< By policy, limits, vetoes and ends; see `DropReason`.
    std::uint64_t ack_timeouts = 0;
    std::uint64_t heartbeat_timeouts = 0;  ///< Sessions closed for an unanswered ping.
    std::uint64_t handler_exceptions = 0;  ///< Thrown by hooks, handlers and validators.
};

/// A real-time server: Cryo sessions, plain WebSocket endpoints and HTTP routes on one port.
///
/// Life: `create`, then routes, extensions and events, then `run` (or `start` ... `stop` ... `wait`), then the
/// destructor.
///
/// Thread safety: what is said at each method. Several servers can live in one process.
/// Lifetime: handles (`SessionPtr`, `ConnectionPtr`, replies) may outlive the server; they then answer `closed`.
/// Errors: `create` and `start` return what is wrong and name the option, file or port.
/// @code
///   const auto check = [](std::string_view token) { return cryo::constant_time_equal(token, "secret"); };
///   auto server = cryo::Server::create({.port = 8080}, cryo::make_validator(check));
///   if (!server) return report(server.error());
///   (*server)->on_session([](const cryo::SessionPtr& session) {
///       session->on_message_utf8([](cryo::Session& self, std::string_view text) { self.send_utf8(text); });
///   });
///   return (*server)->run() ? 0 : 1;
/// @endcode
class CRYO_API Server {
public:
    /// @param validator null: no Cryo sessions, only endpoints and routes
    static Result<std::unique_ptr<Server>> create(ServerOptions options,
                                                  std::shared_ptr<ITokenValidator> validator = {});

    /// `stop`, `wait`. Not on a loop thread.
    virtual ~Server() = default;

    // -- before start ------------------------------------------------------------------------------------------------

    /// The port is open. On the thread that starts the server.
    virtual void on_listening(std::function<void(std::uint16_t port)> handler) = 0;
    /// A Cryo session may talk. On the session's loop.
    virtual void on_session(std::function<void(const SessionPtr&)> handler) = 0;
    /// A handler, callback or validator of the application threw; it was fenced, logged and counted. On any loop.
    virtual void on_error(std::function<void(const Error&)> handler) = 0;

    // Also from `IExtension::on_register`. Handlers stay mounted to the server's end, whatever becomes of the extension
    // that brought them: they own what they use, or ask a `weak_ptr`.

    /// Mounts a plain WebSocket endpoint on a path; it wins over the Cryo protocol, which takes every other path.
    virtual Result<Endpoint*> websocket(std::string path, WebSocketHandlers handlers) = 0;

    /// Mounts a handler on a method and a pattern such as `/channel/subscribe/:name`. HEAD is answered from GET. The
    /// method `*` is any; of two patterns that fit, the more specific one is taken, and of one pattern the handler of
    /// the very method. So `http("*", "/*", ...)` gets all requests, but not upgrades, that nothing else takes, in
    /// place of the server's own answers: 404, 405, 426 (a WebSocket path without an upgrade), and 204 to OPTIONS.
    virtual Result<> http(std::string_view method, std::string_view pattern, HttpHandler handler) = 0;

    /// Serves the files below a folder under a path prefix, `index.html` for the folder itself.
    virtual Result<> files(std::string_view prefix, const std::string& folder) = 0;

    // -- any time, not on a loop thread ------------------------------------------------------------------------------

    /// Adds an extension; when this returns on a running server, every loop uses it. Not once the server stops.
    virtual Result<> register_extension(std::shared_ptr<IExtension> extension) = 0;
    /// Takes it out and returns after its last hook has, and `on_unregister`; on a running server `on_stop` comes
    /// first.
    virtual Result<> unregister_extension(std::string_view name) = 0;

    /// Reads certificate and key again (the same files, or others): new connections get the new one. On an error, or
    /// when the server does not run, nothing changes.
    virtual Result<> reload_tls(const TlsOptions& tls) = 0;

    // -- life cycle --------------------------------------------------------------------------------------------------

    /// Opens the port and serves on threads of its own; returns once it listens. When the port or the certificate is
    /// the problem, it can be tried again; when an extension or a thread could not start, the server has ended.
    virtual Result<> start() = 0;
    /// The same with the first loop on the calling thread; returns when the server has stopped.
    virtual Result<> run() = 0;
    /// Begins to drain: upgrades get 503, sessions are closed with 4000 (endpoints' connections with their `stop_code`)
    /// one after the other, what is queued is sent, extensions let go of the loops; after `drain_timeout` the rest is
    /// cut. Returns at once. Any thread, signal handlers too.
    virtual void stop() noexcept = 0;
    /// Until the server has stopped: every callback has run, every thread is joined. Not on a loop thread.
    virtual void wait() = 0;

    // -- any thread --------------------------------------------------------------------------------------------------

    virtual std::uint16_t port() const noexcept = 0;  ///< 0 before `start`.
    /// The event loops, from `IExtension::on_start` on, beyond the end too; empty before.
    virtual std::vector<LoopPtr> loops() const = 0;
    virtual ServerStats stats() const = 0;
    virtual std::size_t session_count() const noexcept = 0;
    virtual SessionPtr find(const SessionId& id) const = 0;  ///< Null when there is none.
    /// Calls `visit` for every open session, each on its own loop, soon.
    virtual void for_each_session(std::function<void(Session&)> visit) = 0;
};

}  // namespace cryo
