#pragma once

#include <span>
#include <string_view>

#include <cryo/connection.h>

#include "connection/output_buffer.h"
#include "connection/send_queue.h"

namespace cryo::connection {

class WebSocketConnection;

/// The protocol that speaks on a connection: one object for all connections of an endpoint, or one for each.
/// Everything is called on the connection's loop; nothing of it may throw, user code is fenced inside.
class ConnectionListener {
public:
    virtual ~ConnectionListener() = default;

    virtual void on_open(WebSocketConnection& connection) = 0;
    /// The payload may be changed in place.
    virtual void on_message(WebSocketConnection& connection, MessageKind kind, std::span<std::byte> payload) = 0;
    virtual void on_pong(WebSocketConnection&) {}

    /// A message somebody wants to send: `WebSocketConnection::write`, now or later, after whatever the protocol does
    /// first.
    virtual SendStatus on_send(WebSocketConnection& connection, const OutgoingMessage& message);
    /// Puts one message on the wire. False: it cannot be sent, and the connection is being closed.
    virtual bool encode(WebSocketConnection& connection, const OutgoingMessage& message, OutputBuffer& out);

    /// Somebody wants to close: `WebSocketConnection::begin_close`, now or later.
    virtual void on_close_request(WebSocketConnection& connection, std::uint16_t code, std::string_view reason);

    virtual void on_drain(WebSocketConnection&) {}
    virtual void on_dropped(WebSocketConnection&, const DroppedMessage&) {}

    /// Every `keepalive_interval` while the connection is open. `excused`: the peer cannot be expected to have
    /// answered.
    virtual void on_keepalive(WebSocketConnection& connection, bool excused);

    /// The server drains: it is this connection's turn to close.
    virtual void on_server_stop(WebSocketConnection& connection);

    /// The connection no longer takes messages: either side has begun to close it.
    virtual void on_closing(WebSocketConnection&) {}
    /// Exactly once for each `on_open`. The last call.
    virtual void on_closed(WebSocketConnection& connection, const CloseEvent& event) = 0;
};

}  // namespace cryo::connection
