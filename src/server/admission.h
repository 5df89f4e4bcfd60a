#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cryo/auth.h>

#include "connection/http_connection.h"
#include "http/router.h"
#include "http/trusted_proxies.h"
#include "server/plain_endpoint.h"
#include "server/session_registry.h"
#include "server/worker.h"
#include "websocket/handshake.h"

namespace cryo::server {

/// Decides what becomes of each request: an HTTP route, a WebSocket endpoint, a Cryo session, or a refusal.
///
/// Set up before the loops run; then called on all of them at the same time.
class Admission final : public connection::HttpDispatcher {
public:
    struct Parts {
        std::shared_ptr<const ServerOptions> options{};
        std::shared_ptr<ITokenValidator> validator{};
        http::TrustedProxies trusted_proxies{};
        SessionRegistry& registry;
        session::SessionHost& session_host;
    };

    /// Everything there is to ask for.
    struct Mounted {
        http::Router<HttpHandler> routes{};
        std::map<std::string, std::shared_ptr<PlainEndpoint>, std::less<>> endpoints{};
    };

    explicit Admission(Parts parts) : parts_(std::move(parts)) {}

    Result<> add_route(std::string_view method, std::string_view pattern, HttpHandler handler) {
        return mounted_.routes.add(method, pattern, std::move(handler));
    }
    Result<Endpoint*> add_endpoint(std::string path, WebSocketHandlers handlers);
    /// For going back to what was mounted at a time, before `attach`.
    const Mounted& mounted() const noexcept { return mounted_; }
    void restore(Mounted mounted) { mounted_ = std::move(mounted); }
    void attach(std::vector<Worker*> workers);

    /// From now on everything is refused with 503. Any thread.
    void start_draining() noexcept { draining_ = true; }

    void dispatch(connection::HttpConnection& connection, const http::Request& request) override;

private:
    struct Upgrade;

    void serve(connection::HttpConnection& connection, const http::Request& request);
    void upgrade(connection::HttpConnection& connection, const http::Request& request);
    void admit_plain(connection::HttpConnection& connection, const std::shared_ptr<PlainEndpoint>& endpoint,
                     const HttpRequest& request);
    void admit_session(connection::HttpConnection& connection, const HttpRequest& request);
    void open_session(connection::HttpConnection& connection, session::Opening opening);
    void open_connection(connection::HttpConnection& connection, connection::WebSocketConnection::Setup setup,
                         std::span<const std::string> subprotocols);
    bool origin_allowed(std::string_view origin) const;
    static void refuse_upgrade(connection::HttpConnection& connection, int status, std::string text);

    Parts parts_;
    Mounted mounted_{};
    std::vector<Worker*> workers_{};
    std::atomic<bool> draining_{false};
};

}  // namespace cryo::server
