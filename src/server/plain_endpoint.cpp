#include "server/plain_endpoint.h"

#include "connection/websocket_connection.h"
#include "websocket/close_code.h"

namespace cryo::server {

using connection::ConnectionEntry;
using connection::WebSocketConnection;
namespace close_code = websocket::close_code;

void PlainEndpoint::attach(const std::vector<std::shared_ptr<connection::LoopContext>>& loops) {
    loops_.clear();
    for (const auto& context : loops) loops_.push_back(std::make_unique<Loop>(context));
}

void PlainEndpoint::broadcast(const PreparedMessage& message) {
    for (const auto& loop : loops_) {
        if (loop->context->loop->in_loop_thread()) {
            send(*loop, message, connection::From::loop);
        } else if (const std::size_t members = loop->members.load(std::memory_order_acquire); members > 0) {
            hand_to(*loop, message);
        }
    }
}

/// The group is made late, as it costs a connection that sends by itself a little.
void PlainEndpoint::send(Loop& loop, const PreparedMessage& message, connection::From from) {
    if (!loop.group) {
        loop.group = loop.context->fan_out.make_group();
        loop.connections.for_each([&](const ConnectionEntry& entry) { loop.group->add(*entry.connection); });
    }
    loop.group->send(message, from);
}

/// Bounded like a single connection's sends from other threads.
void PlainEndpoint::hand_to(Loop& loop, const PreparedMessage& message) {
    const auto& limits = loop.context->options->backpressure;
    const std::size_t cost = message.payload().size() + 64;
    if (loop.pending_bytes.fetch_add(cost, std::memory_order_acq_rel) + cost >
        limits.high_water_mark + limits.max_queued_bytes) {
        loop.pending_bytes.fetch_sub(cost, std::memory_order_acq_rel);
        return refuse(loop, {message.kind(), message.payload().size(), DropReason::queue_full});
    }
    loop.context->loop->post([this, &loop, message, cost] {
        loop.pending_bytes.fetch_sub(cost, std::memory_order_acq_rel);
        send(loop, message, connection::From::task);
    });
}

void PlainEndpoint::refuse(Loop& loop, const DroppedMessage& message) {
    if (!loop.context->note_refusal(loop.refused, message)) return;
    loop.context->loop->post([&loop] {
        for (const auto& refused : loop.context->take_refusals(loop.refused)) {
            loop.connections.for_each([&](const ConnectionEntry& entry) { entry.connection->count_drop(refused); });
        }
    });
}

/// Runs a handler of the application; what it throws ends the connection.
template <class Handler>
void PlainEndpoint::run(WebSocketConnection& connection, std::string_view name, Handler&& handler) {
    if (connection.context().fenced(name, handler)) return;
    connection.close(close_code::kInternalError, "internal error");
}

void PlainEndpoint::on_open(WebSocketConnection& connection) {
    Loop& loop = *loops_[connection.context().index];
    loop.connections.add({&connection});
    if (loop.group) loop.group->add(connection);
    loop.members.store(loop.connections.size(), std::memory_order_release);
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

void PlainEndpoint::on_pong(WebSocketConnection& connection) {
    if (handlers_.pong) run(connection, "pong", [&] { handlers_.pong(connection); });
}

void PlainEndpoint::on_dropped(WebSocketConnection& connection, const DroppedMessage& message) {
    if (handlers_.dropped) run(connection, "dropped", [&] { handlers_.dropped(connection, message); });
}

void PlainEndpoint::on_closing(WebSocketConnection& connection) {
    Loop& loop = *loops_[connection.context().index];
    loop.connections.remove(connection);
    loop.members.store(loop.connections.size(), std::memory_order_release);
    count_.fetch_sub(1, std::memory_order_relaxed);
}

void PlainEndpoint::on_closed(WebSocketConnection& connection, const CloseEvent& event) {
    if (handlers_.closed) connection.context().fenced("closed", [&] { handlers_.closed(connection, event); });
}

void PlainEndpoint::on_server_stop(WebSocketConnection& connection) {
    connection.close(handlers_.stop_code, handlers_.stop_code == close_code::kGoingAway ? "server is stopping" : "");
}

}  // namespace cryo::server
