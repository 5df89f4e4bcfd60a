#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/connection.h>

#include "connection/connection_listener.h"
#include "connection/connection_table.h"
#include "connection/group.h"
#include "connection/loop_context.h"

namespace cryo::server {

/// A path that speaks plain WebSocket to the application's handlers; the listener of all its connections.
class PlainEndpoint final : public Endpoint, public connection::ConnectionListener {
public:
    explicit PlainEndpoint(WebSocketHandlers handlers) : handlers_(std::move(handlers)) {}

    const WebSocketHandlers& handlers() const noexcept { return handlers_; }
    /// Before the loops run.
    void attach(const std::vector<std::shared_ptr<connection::LoopContext>>& loops);

    void broadcast(const PreparedMessage& message) override;
    std::size_t connection_count() const noexcept override { return count_.load(std::memory_order_relaxed); }

    void on_open(connection::WebSocketConnection& connection) override;
    void on_message(connection::WebSocketConnection& connection, MessageKind kind,
                    std::span<std::byte> payload) override;
    void on_drain(connection::WebSocketConnection& connection) override;
    void on_pong(connection::WebSocketConnection& connection) override;
    void on_dropped(connection::WebSocketConnection& connection, const DroppedMessage& message) override;
    void on_closing(connection::WebSocketConnection& connection) override;
    void on_closed(connection::WebSocketConnection& connection, const CloseEvent& event) override;
    void on_server_stop(connection::WebSocketConnection& connection) override;

private:
    struct Loop {
        explicit Loop(std::shared_ptr<connection::LoopContext> of) : context(std::move(of)) {}

        std::shared_ptr<connection::LoopContext> context;
        connection::ConnectionSet connections{&connection::ConnectionSlots::endpoint_slot};
        connection::GroupPtr group{};               // of all of them, from the first broadcast on
        std::atomic<std::size_t> members{0};        // of them, for other threads
        std::atomic<std::size_t> pending_bytes{0};  // of broadcasts on their way from other threads
        connection::Refusals refused{};             // of such broadcasts
    };

    void send(Loop& loop, const PreparedMessage& message, connection::From from);
    void hand_to(Loop& loop, const PreparedMessage& message);
    void refuse(Loop& loop, const DroppedMessage& message);
    template <class Handler>
    void run(connection::WebSocketConnection& connection, std::string_view name, Handler&& handler);

    WebSocketHandlers handlers_;
    std::vector<std::unique_ptr<Loop>> loops_{};
    std::atomic<std::size_t> count_{0};
};

}  // namespace cryo::server
