#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/http.h>

#include "connection/loop_context.h"
#include "connection/websocket_connection.h"
#include "http/request_parser.h"
#include "transport/socket.h"

namespace cryo::connection {

class HttpConnection;

/// Decides what a request is for. Loop thread; one for the whole server, so it is called on all loops at the same time.
class HttpDispatcher {
public:
    /// Answer now or later, once: `respond`, `refuse`, `upgrade`, or a `make_reply` given to somebody. The request
    /// stays valid until then.
    virtual void dispatch(HttpConnection& connection, const http::Request& request) = 0;

protected:
    ~HttpDispatcher() = default;
};

/// A socket that speaks HTTP/1.1: one request after the other, until it ends or becomes a WebSocket connection.
class HttpConnection final : public transport::SocketHandler, public std::enable_shared_from_this<HttpConnection> {
public:
    HttpConnection(std::shared_ptr<LoopContext> context, transport::Socket& socket, HttpDispatcher& dispatcher);

    // -- for the dispatcher, loop thread only --
    LoopContext& context() noexcept { return *context_; }
    std::string peer_address() const { return socket_->remote_address(); }
    const http::Request& request() const noexcept { return parser_.request(); }

    enum class After { keep_alive, close };
    void respond(const HttpResponse& response, After after = After::keep_alive);
    /// An answer that ends the connection, with the headers its status calls for unless it has them.
    void refuse(int status, std::string_view text);
    void refuse(HttpResponse response);
    /// The right to answer the current request from any thread.
    HttpReply make_reply();
    /// Refuses the current request when there is no answer by then.
    void answer_within(std::chrono::milliseconds time, int status, std::string_view text);
    /// Calls `fn(connection)` on the loop if the current request still waits for its answer by then. Any thread may
    /// call what it returns.
    UniqueFunction<void(UniqueFunction<void(HttpConnection&)>)> deferred_action();

    /// Takes a place among the WebSocket connections; null, or why there is none.
    std::optional<ConnectionLimiter::Verdict> reserve_session(const std::string& client_address);
    /// Sends the 101 and turns into a WebSocket connection, which takes over the reserved place.
    void upgrade(std::string_view response, WebSocketConnection::Setup setup);

    // -- SocketHandler --
    void on_bytes(std::span<std::byte> data) noexcept override;
    void on_flush() noexcept override;
    void on_closed() noexcept override;

private:
    class ReplyTarget;
    enum class Phase : std::uint8_t { reading, waiting, upgraded, closing };

    void process(std::span<std::byte> data);
    void take_failure();
    void hold(std::span<std::byte> data);
    void resume();
    void send(std::string bytes, bool keep_alive);
    void hand_over(std::span<std::byte> rest);
    void start_timer(std::chrono::milliseconds time);
    void on_timer() noexcept;
    void set_busy(bool busy) noexcept;
    std::string_view date();

    std::shared_ptr<LoopContext> context_;
    transport::Socket* socket_;
    HttpDispatcher& dispatcher_;
    http::RequestParser parser_;
    std::vector<std::byte> held_{};  // came while the current request waits for its answer
    std::string output_{};
    std::size_t output_sent_ = 0;
    std::size_t taken_since_timer_ = 0;
    std::optional<std::string> reserved_address_{};
    std::shared_ptr<WebSocketConnection> successor_{};
    std::string timeout_text_{};
    int timeout_status_ = 0;
    std::uint64_t request_number_ = 0;
    transport::MemberTimer<HttpConnection, &HttpConnection::on_timer> timer_{*this};
    Phase phase_ = Phase::reading;
    bool processing_ = false;
    bool close_after_flush_ = false;
    bool busy_ = false;  // counted in the loop's busy_exchanges
};

}  // namespace cryo::connection
