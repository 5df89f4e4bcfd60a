#include "server/plain_endpoint.h"

#include "connection/websocket_connection.h"
#include "websocket/close_code.h"

namespace cryo::server {

using connection::WebSocketConnection;
namespace close_code = websocket::close_code;

void PlainEndpoint::attach(const std::vector<std::shared_ptr<connection::LoopContext>>& loops) {
    loops_.clear();
    for (const auto& context : loops) {
        loops_.push_back(std::make_unique<Loop>());
        loops_.back()->context = context;
    }
}

void PlainEndpoint::broadcast(const PreparedMessage& message) {
    for (const auto& loop : loops_) {
        if (loop->context->loop->in_loop_thread()) {
            deliver(*loop, message);
        } else {
            loop->context->loop->post([this, loop = loop.get(), message] { deliver(*loop, message); });
        }
    }
}

void PlainEndpoint::deliver(Loop& loop, const PreparedMessage& message) {
    loop.connections.for_each([&](WebSocketConnection& connection) { connection.send(message, {}); });
}

/// Runs a handler of the application; what it throws ends the connection.
template <class Handler>
void PlainEndpoint::run(WebSocketConnection& connection, std::string_view name, Handler&& handler) {
    if (connection.context().fenced(name, handler)) return;
    connection.close(close_code::kInternalError, "internal error");
}

void PlainEndpoint::on_open(WebSocketConnection& connection) {
    loops_[connection.context().index]->connections.add(connection);
    count_.fetch_add(1, std::memory_order_relaxed);
    if (handlers_.open) run(connection, "open", [&] { handlers_.open(connection); });
}

void PlainEndpoint::on_message(WebSocketConnection& connection, MessageKind kind, std::span<std::byte> payload) {
    if (kind == MessageKind::text) {
        if (handlers_.text) run(connection, "text", [&] { handlers_.text(connection, as_text(payload)); });
    } else {
        if (handlers_.binary) run(connection, "binary", [&] { handlers_.binary(connection, payload); });
    }
}

void PlainEndpoint::on_drain(WebSocketConnection& connection) {
    if (handlers_.drain) run(connection, "drain", [&] { handlers_.drain(connection); });
}

void PlainEndpoint::on_dropped(WebSocketConnection& connection, const DroppedMessage& message) {
    if (handlers_.dropped) run(connection, "dropped", [&] { handlers_.dropped(connection, message); });
}

void PlainEndpoint::on_closing(WebSocketConnection& connection) {
    loops_[connection.context().index]->connections.remove(connection);
    count_.fetch_sub(1, std::memory_order_relaxed);
}

void PlainEndpoint::on_closed(WebSocketConnection& connection, const CloseEvent& event) {
    if (handlers_.closed) connection.context().fenced("closed", [&] { handlers_.closed(connection, event); });
}

}  // namespace cryo::server
