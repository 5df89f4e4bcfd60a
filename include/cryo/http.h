#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/export.h>

namespace cryo {

/// One header field of a response. A value type.
struct HttpHeader {
    std::string name{};
    std::string value{};

    bool operator==(const HttpHeader&) const = default;
};

/// One header field of a request: name as sent, value without surrounding white space. Borrowed like its request.
struct HttpHeaderView {
    std::string_view name{};
    std::string_view value{};

    bool operator==(const HttpHeaderView&) const = default;
};

/// What a `:name` segment of a route pattern captured, percent-decoded. A closing `*` is captured under the name `*`
/// and stays percent-encoded, because decoding would hide which slashes were part of a name.
struct HttpParam {
    std::string_view name{};
    std::string value{};

    bool operator==(const HttpParam&) const = default;
};

/// One HTTP request, complete with its body.
///
/// Thread safety: to be read on the thread of the handler that received it.
/// Lifetime: borrowed. Every view in it is valid during the handler call only; copy what a later answer needs.
/// Errors: malformed requests are refused before any handler sees them; look-ups of what is absent answer empty.
struct HttpRequest {
    std::string_view method{};
    /// The request target as sent, `/channel/a%20b?limit=10`.
    std::string_view raw_target{};
    /// The path of the target, percent-decoded once: `/channel/a b`.
    std::string_view path{};
    /// What follows the `?`, as sent.
    std::string_view query_string{};
    std::span<const HttpHeaderView> headers{};
    std::span<const HttpParam> params{};
    Bytes body{};
    /// Address of the client: of the peer, or what a trusted proxy said about it (see `ServerOptions`).
    std::string_view remote_address{};

    /// Value of the first header of that name, in any case; empty when there is none.
    CRYO_API std::string_view header(std::string_view name) const noexcept;
    /// Decoded value of the first query parameter of that name. Absent too when the query string is malformed or has
    /// more than 256 parameters.
    CRYO_API std::optional<std::string> query(std::string_view name) const;
    /// What the `:name` segment of the route captured; empty when the route has no such segment.
    CRYO_API std::string_view param(std::string_view name) const noexcept;
    CRYO_API std::string_view body_text() const noexcept;
};

/// The answer to a request. A value type.
///
/// The server adds Content-Length, Content-Type, Connection and Date; a response whose `headers` carry one of these or
/// Transfer-Encoding, or a name or value with characters that could forge another header, or whose status is outside
/// 200 to 599, is logged and replaced by a 500.
struct HttpResponse {
    int status = 200;
    std::vector<HttpHeader> headers{};
    std::string body{};
    /// Empty = no Content-Type.
    std::string content_type = "text/plain; charset=utf-8";

    bool operator==(const HttpResponse&) const = default;

    static HttpResponse text(int status, std::string body) { return {.status = status, .body = std::move(body)}; }
    static HttpResponse json(int status, std::string body) {
        return {.status = status, .body = std::move(body), .content_type = "application/json"};
    }
    static HttpResponse not_found() { return text(404, "not found\n"); }
};

/// Where a reply goes: the connection's side of an `HttpReply`. Implemented by the server; tests can bring their own.
///
/// Thread safety: both methods are called from whichever thread holds the reply.
class CRYO_API IHttpReplyTarget {
public:
    virtual ~IHttpReplyTarget() = default;

    /// Called exactly once.
    virtual void deliver(HttpResponse response) noexcept = 0;
    virtual bool abandoned() const noexcept = 0;
};

/// The duty to answer one request: now or later, from any thread, exactly once.
///
/// Thread safety: may be moved to and used on any thread, by one thread at a time.
/// Lifetime: may outlive the connection and the server; the answer then goes nowhere. Destroyed unanswered, it answers
/// with a 500. Later requests of the same connection wait for it.
/// Errors: none to handle; only the first `send` counts.
/// @code
/// server.http("GET", "/health", [](const HttpRequest&, HttpReply reply) { reply.send({.body = "ok"}); });
/// @endcode
class HttpReply {
public:
    explicit HttpReply(std::shared_ptr<IHttpReplyTarget> target) noexcept : target_(std::move(target)) {}
    HttpReply(HttpReply&&) noexcept = default;
    HttpReply& operator=(HttpReply&& other) noexcept {
        if (this != &other) {
            answer_unanswered();
            target_ = std::move(other.target_);
        }
        return *this;
    }
    ~HttpReply() { answer_unanswered(); }

    void send(HttpResponse response) {
        if (const auto target = std::move(target_)) target->deliver(std::move(response));
    }

    /// True once the peer has gone (or the reply was sent): work on the answer can stop.
    bool abandoned() const noexcept { return !target_ || target_->abandoned(); }

private:
    void answer_unanswered() noexcept {
        if (target_) send(HttpResponse::text(500, "the request was not answered\n"));
    }

    std::shared_ptr<IHttpReplyTarget> target_;
};

/// Called on the loop of the connection for each request that matches its route. An exception it throws is caught and
/// logged; the request is then answered with a 500 unless it was answered before.
using HttpHandler = std::function<void(const HttpRequest& request, HttpReply reply)>;

}  // namespace cryo
