#include "server/admission.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "http/chars.h"
#include "http/uri.h"
#include "websocket/deflate.h"

namespace cryo::server {

using connection::ConnectionLimiter;
using connection::Counters;
using connection::HttpConnection;
using connection::WebSocketConnection;

namespace {

constexpr std::string_view kTokenParameter = "authorization";
constexpr std::string_view kSessionIdParameter = "x-cryo-sid";

/// What follows `Bearer `; empty when it is something else.
std::string_view bearer_token(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "bearer ";
    if (authorization.size() <= kScheme.size()) return {};
    if (!http::equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
    return http::trim(authorization.substr(kScheme.size()));
}

/// The query without the parameters of the protocol: one of them is a secret.
std::string application_query(std::string_view query) {
    std::string kept;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        const auto name = http::percent_decode(pair.substr(0, std::min(pair.find('='), pair.size())));
        if (!pair.empty() && name != kTokenParameter && name != kSessionIdParameter) {
            if (!kept.empty()) kept += '&';
            kept += pair;
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return kept;
}

}  // namespace

Result<Endpoint*> Admission::add_endpoint(std::string path, WebSocketHandlers handlers) {
    if (path.empty() || path.front() != '/') {
        return Error{Errc::invalid_argument, fmt::format("websocket path \"{}\" must begin with a slash", path)};
    }
    for (const auto& name : handlers.subprotocols) {
        if (!http::is_token(name)) {
            return Error{Errc::invalid_argument, fmt::format("subprotocol \"{}\" is not a token (RFC 6455 4.1)", name)};
        }
    }
    const auto [place, added] = mounted_.endpoints.try_emplace(std::move(path));
    if (!added) return Error{Errc::duplicate, fmt::format("websocket path \"{}\" is already mounted", place->first)};
    place->second = std::make_shared<PlainEndpoint>(std::move(handlers));
    return static_cast<Endpoint*>(place->second.get());
}

void Admission::attach(std::vector<Worker*> workers) {
    workers_ = std::move(workers);
    std::vector<std::shared_ptr<connection::LoopContext>> loops;
    for (auto* worker : workers_) loops.push_back(worker->context());
    for (const auto& [path, endpoint] : mounted_.endpoints) endpoint->attach(loops);
}

void Admission::dispatch(HttpConnection& connection, const http::Request& request) {
    if (request.upgrade_websocket) return upgrade(connection, request);
    if (draining_) return connection.refuse(503, "the server is stopping\n");
    serve(connection, request);
}

// -- HTTP ------------------------------------------------------------------------------------------------------------

void Admission::serve(HttpConnection& connection, const http::Request& request) {
    const auto match = mounted_.routes.match(request.method, request.path);
    switch (match.status) {
        case http::RouteStatus::options:
            return connection.respond({.status = 204, .headers = {{"Allow", match.allow}}, .content_type = ""});
        case http::RouteStatus::method_not_allowed:
            return connection.respond(
                {.status = 405, .headers = {{"Allow", match.allow}}, .body = "method not allowed\n"});
        case http::RouteStatus::not_found:
            if (mounted_.endpoints.contains(request.path)) {
                return connection.respond(
                    {.status = 426, .headers = {{"Upgrade", "websocket"}}, .body = "this path speaks WebSocket\n"});
            }
            return connection.respond(HttpResponse::not_found());
        case http::RouteStatus::found:
            break;
    }
    const auto path = http::percent_decode(request.path);
    const std::string address = parts_.trusted_proxies.client_address(connection.peer_address(), request.headers);
    const HttpRequest view = http::borrow(request, *path, match.params, address);
    connection.context().fenced("HTTP handler", [&] { (*match.payload)(view, connection.make_reply()); });
}

// -- upgrades --------------------------------------------------------------------------------------------------------

void Admission::refuse_upgrade(HttpConnection& connection, int status, std::string text) {
    Counters::add(connection.context().counters.refused_upgrades);
    connection.refuse(status, std::move(text) + "\n");
}

void Admission::upgrade(HttpConnection& connection, const http::Request& request) {
    if (draining_) return refuse_upgrade(connection, 503, "the server is stopping");
    websocket::UpgradeRequest headers;
    for (const auto& header : request.headers) headers.add_header(header.name, header.value);
    if (request.method != "GET" || request.minor_version != 1) {
        return refuse_upgrade(connection, 400, "a WebSocket upgrade is a GET of HTTP/1.1");
    }
    switch (headers.verdict()) {
        case websocket::UpgradeRequest::Verdict::bad_request:
            return refuse_upgrade(connection, 400, "malformed WebSocket upgrade");
        case websocket::UpgradeRequest::Verdict::unsupported_version:
            return refuse_upgrade(connection, 426, "only WebSocket version 13 is spoken here");
        case websocket::UpgradeRequest::Verdict::accepted:
            break;
    }
    const auto endpoint = mounted_.endpoints.find(request.path);
    if (endpoint == mounted_.endpoints.end() && !parts_.validator) return refuse_upgrade(connection, 404, "not found");

    const auto path = http::percent_decode(request.path);
    const std::string address = parts_.trusted_proxies.client_address(connection.peer_address(), request.headers);
    const HttpRequest view = http::borrow(request, *path, {}, address);
    if (!origin_allowed(view.header("Origin"))) return refuse_upgrade(connection, 403, "origin not allowed");
    if (const auto refused = connection.reserve_session(address)) {
        return *refused == ConnectionLimiter::Verdict::too_many
                   ? refuse_upgrade(connection, 503, "too many connections")
                   : refuse_upgrade(connection, 429, "too many connections from your address");
    }
    if (endpoint != mounted_.endpoints.end()) return admit_plain(connection, endpoint->second, view);
    admit_session(connection, view);
}

bool Admission::origin_allowed(std::string_view origin) const {
    const auto& allowed = parts_.options->allowed_origins;
    if (origin.empty() || allowed.empty()) return true;
    return std::ranges::any_of(allowed, [&](const auto& entry) { return http::equals_ignoring_case(entry, origin); });
}

void Admission::admit_plain(HttpConnection& connection, const std::shared_ptr<PlainEndpoint>& endpoint,
                            const HttpRequest& request) {
    const auto open = [this, endpoint](HttpConnection& waiting, std::any user_data) {
        if (draining_) return refuse_upgrade(waiting, 503, "the server is stopping");
        open_connection(waiting, {.listener = endpoint, .user_data = std::move(user_data)},
                        endpoint->handlers().subprotocols);
    };
    const auto& admit = endpoint->handlers().admit;
    if (!admit) return open(connection, {});

    connection.answer_within(parts_.options->auth_timeout, 403, "no decision in time\n");
    UpgradeReply reply([later = connection.deferred_action(), open](UpgradeReply::Verdict verdict) mutable {
        later([open, verdict = std::move(verdict)](HttpConnection& waiting) mutable {
            if (verdict.status == 101) return open(waiting, std::move(verdict.user_data));
            Counters::add(waiting.context().counters.refused_upgrades);
            waiting.refuse({.status = verdict.status,
                            .headers = std::move(verdict.headers),
                            .body = std::move(verdict.text),
                            .content_type = std::move(verdict.content_type)});
        });
    });
    connection.context().fenced("admit", [&] { admit(request, std::move(reply)); });
}

void Admission::admit_session(HttpConnection& connection, const HttpRequest& request) {
    auto from_query = request.query(kTokenParameter);
    const SecretText authorization(from_query ? std::string_view(*from_query) : request.header("Authorization"));
    if (from_query) OPENSSL_cleanse(from_query->data(), from_query->size());
    if (authorization.empty()) return refuse_upgrade(connection, 401, "no token");
    const std::string_view token = bearer_token(authorization.text());
    if (token.empty()) return refuse_upgrade(connection, 401, "the token is not a Bearer token");
    const auto sid_text = request.query(kSessionIdParameter);
    if (!sid_text) return refuse_upgrade(connection, 401, "no x-cryo-sid");
    const auto sid = SessionId::parse(*sid_text);
    if (!sid) return refuse_upgrade(connection, 401, "x-cryo-sid is not a UUID");
    if (parts_.registry.contains(*sid)) return refuse_upgrade(connection, 401, "the session is already connected");

    connection.answer_within(parts_.options->auth_timeout, 401, "no verdict on the token in time\n");
    session::Opening opening{.id = *sid,
                             .token = SecretText(token),
                             .path = std::string(request.path),
                             .query = application_query(request.query_string)};
    AuthReply reply([this, later = connection.deferred_action(),
                     opening = std::move(opening)](std::optional<Identity> identity) mutable {
        later([this, opening = std::move(opening), identity = std::move(identity)](HttpConnection& waiting) mutable {
            if (!identity) return refuse_upgrade(waiting, 401, "the token was refused");
            opening.identity = std::move(*identity);
            open_session(waiting, std::move(opening));
        });
    });
    connection.context().fenced("token validator", [&] {
        parts_.validator->validate({.token = token, .session_id = *sid, .http = request}, std::move(reply));
    });
}

void Admission::open_session(HttpConnection& connection, session::Opening opening) {
    if (draining_) return refuse_upgrade(connection, 503, "the server is stopping");
    auto session = std::make_shared<session::SessionHandle>(
        parts_.session_host, workers_[connection.context().index]->hooks(), *parts_.options, std::move(opening));
    if (!parts_.registry.insert(session)) return refuse_upgrade(connection, 401, "the session is already connected");
    open_connection(connection, {.listener = std::move(session)}, {});
}

void Admission::open_connection(HttpConnection& connection, WebSocketConnection::Setup setup,
                                std::span<const std::string> subprotocols) {
    websocket::UpgradeRequest headers;
    for (const auto& header : connection.request().headers) headers.add_header(header.name, header.value);
    setup.subprotocol = headers.choose_subprotocol(subprotocols);
    auto agreement = websocket::negotiate_deflate(headers.extension_lines(), parts_.options->deflate);
    if (agreement) setup.deflate = agreement->parameters;
    const std::string response = websocket::format_upgrade_response(
        headers.key(), setup.subprotocol, agreement ? std::string_view(agreement->response) : std::string_view());
    connection.upgrade(response, std::move(setup));
}

}  // namespace cryo::server
