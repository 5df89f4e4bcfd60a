#include "session/session_handle.h"

#include <array>
#include <cstring>
#include <utility>

#include "connection/prepared_message.h"
#include "websocket/frame.h"
#include "websocket/utf8.h"

namespace cryo::session {

using connection::Counters;
using connection::OutgoingMessage;
using connection::OutputBuffer;
using connection::WebSocketConnection;
using extension::Direction;

namespace {

/// Appends a binary WebSocket frame; `fill` writes its payload and says whether that worked.
template <class Fill>
bool append_binary(OutputBuffer& out, std::size_t payload_bytes, Fill&& fill) {
    std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
    const std::size_t used = websocket::write_frame_header(header.data(), websocket::Opcode::binary, payload_bytes);
    const auto room = out.extend(used + payload_bytes);
    std::memcpy(room.data(), header.data(), used);
    if (fill(room.subspan(used))) return true;
    out.shrink(room.size());
    return false;
}

}  // namespace

struct SessionHandle::Handlers {
    UniqueFunction<void(Session&, std::string_view)> message_utf8{};
    UniqueFunction<void(Session&, Bytes)> message_binary{};
    UniqueFunction<void(Session&, const CloseEvent&)> closed{};
    UniqueFunction<void(Session&)> drain{};
    UniqueFunction<void(Session&, const DroppedMessage&)> dropped{};
    UniqueFunction<void(Session&, std::chrono::microseconds)> stat_rtt{};
    UniqueFunction<void(Session&, std::uint64_t)> stat_bytes_rx{}, stat_bytes_tx{}, stat_ack_timeout{};
};

/// Both directions' way through the hooks; made for the first message that meets an extension.
struct SessionHandle::Hooked {
    Hooked(SessionHandle& session, extension::HookLimits limits)
        : send(Direction::send, session.hooks_, session, session, limits),
          receive(Direction::receive, session.hooks_, session, session, limits) {}

    extension::HookQueue send;
    extension::HookQueue receive;
};

SessionHandle::SessionHandle(SessionHost& host, const extension::HookRunner& hooks, const ServerOptions& options,
                             Opening opening)
    : host_(host),
      hooks_(hooks),
      options_(options),
      opening_(std::move(opening)),
      core_(*this, opening_.id, {.ack_timeout = options.ack_timeout, .use_cale = options.use_cale}) {}

SessionHandle::~SessionHandle() = default;

// -- sending ---------------------------------------------------------------------------------------------------------

SendStatus SessionHandle::send_utf8(std::string_view text, SendOptions options) {
    if (!websocket::is_valid_utf8(as_bytes(text))) return refuse_invalid(text.size());
    return connection_->send_text(text, options);
}

SendStatus SessionHandle::send_binary(Bytes data, SendOptions options) {
    return connection_->send_binary(data, options);
}

SendStatus SessionHandle::send(const PreparedMessage& message, SendOptions options) {
    if (!message.encoded()->valid) return refuse_invalid(message.payload().size());
    return connection_->send(message, options);
}

SendStatus SessionHandle::refuse_invalid(std::size_t text_bytes) {
    if (!is_open()) return SendStatus::closed;
    connection_->refuse({MessageKind::text, text_bytes, DropReason::invalid});
    return SendStatus::dropped;
}

SendStatus SessionHandle::on_send(WebSocketConnection& connection, const OutgoingMessage& message) {
    if (close_later_) return SendStatus::closed;
    if (hooks_.empty() && (!hooked_ || hooked_->send.idle())) return connection.write(message);
    const Bytes payload = message.payload;
    auto copy = message.kind == MessageKind::text ? Message(std::string(as_text(payload)))
                                                  : Message(std::vector<std::byte>(payload.begin(), payload.end()));
    return hooked().send.submit(std::move(copy), message.dedupe_key);
}

bool SessionHandle::encode(WebSocketConnection& connection, const OutgoingMessage& message, OutputBuffer& out) {
    encoding_ = true;
    const bool encoded = append_binary(out, core_.encoded_size(message.payload.size()), [&](std::span<std::byte> room) {
        return core_.encode_data(message.kind, message.payload, room, connection.now());
    });
    encoding_ = false;
    if (!encoded) close_now();
    return encoded;
}

void SessionHandle::ping() {
    if (connection_->context().loop->in_loop_thread()) return ping_on_loop();
    post([self = std::static_pointer_cast<SessionHandle>(shared_from_this())] { self->ping_on_loop(); });
}

void SessionHandle::ping_on_loop() {
    // Behind what a peer does not read a further ping would tell nothing.
    if (!connection_->control_backlogged()) core_.ping();
}

void SessionHandle::close(CloseCode code, std::string_view reason) {
    const auto number = static_cast<std::uint16_t>(code);
    if (!connection_->context().loop->in_loop_thread() || core_.is_open()) return connection_->close(number, reason);
    // The core closes by itself, at once.
    if (encoding_) {
        close_later_.emplace(number, std::string(reason));  // the half-written frame has to be taken back first
    } else {
        connection_->begin_close(number, reason);
    }
}

void SessionHandle::on_close_request(WebSocketConnection& connection, std::uint16_t code, std::string_view reason) {
    if (!hooked_ || hooked_->send.idle()) return connection.begin_close(code, reason);
    // What was sent before waits for a hook's decision; so does the close, within bounds.
    if (close_later_) return;
    close_later_.emplace(code, std::string(reason));
    connection.context().loop->timers().start(timer_, options_.close_timeout);
}

void SessionHandle::close_now() {
    if (const auto pending = std::exchange(close_later_, std::nullopt)) {
        connection_->begin_close(pending->first, pending->second);
    }
}

/// A message has come through the hooks: was it the last one that a close waited for?
void SessionHandle::close_when_idle() {
    if (!close_later_) return;
    post([self = std::static_pointer_cast<SessionHandle>(shared_from_this())] {
        if (!self->hooked_ || self->hooked_->send.idle()) self->close_now();
    });
}

void SessionHandle::on_timer() noexcept {
    const auto keep = shared_from_this();
    if (announced_) {
        close_now();
    } else {
        core_.on_cale_timeout();
    }
}

void SessionHandle::send_websocket_ping() { connection_->send_ping({}); }

void SessionHandle::send_control(Bytes message) {
    connection_->write_control([&](OutputBuffer& out) {
        append_binary(out, message.size(), [&](std::span<std::byte> room) {
            std::memcpy(room.data(), message.data(), message.size());
            return true;
        });
    });
}

void SessionHandle::on_dropped(WebSocketConnection&, const DroppedMessage& message) {
    emit(&Handlers::dropped, "on_dropped", message);
}

void SessionHandle::on_drain(WebSocketConnection&) { emit(&Handlers::drain, "on_drain"); }

// -- receiving -------------------------------------------------------------------------------------------------------

void SessionHandle::on_open(WebSocketConnection& connection) {
    connection_ = std::static_pointer_cast<WebSocketConnection>(connection.shared_from_this());
    if (options_.use_cale) connection.context().loop->timers().start(timer_, options_.cale_handshake_timeout);
    core_.open();
}

void SessionHandle::opened() {
    secure_ = core_.secure();
    announced_ = true;
    timer_.cancel();
    opened_mark_ = hooks_.session_opened(*this);
    host_.session_opened(std::static_pointer_cast<SessionHandle>(shared_from_this()));
}

void SessionHandle::on_message(WebSocketConnection& connection, MessageKind kind, std::span<std::byte> payload) {
    if (kind == MessageKind::text) return core_.on_text();
    core_.on_binary(payload, connection.now());
}

void SessionHandle::received(MessageKind kind, std::span<std::byte> payload) {
    if (hooks_.empty() && (!hooked_ || hooked_->receive.idle())) return deliver(kind, payload);
    auto copy = kind == MessageKind::text ? Message(std::string(as_text(payload)))
                                          : Message(std::vector<std::byte>(payload.begin(), payload.end()));
    hooked().receive.submit(std::move(copy));
    if (hooked_ && hooked_->receive.blocked()) connection_->set_paused(WebSocketConnection::by_deferred_hooks, true);
}

void SessionHandle::deliver(MessageKind kind, Bytes payload) {
    const bool handled = kind == MessageKind::text ? emit(&Handlers::message_utf8, "on_message_utf8", as_text(payload))
                                                   : emit(&Handlers::message_binary, "on_message_binary", payload);
    if (!handled) close(CloseCode::server_error, "a message handler failed");
}

void SessionHandle::on_keepalive(WebSocketConnection& connection, bool excused) {
    const bool was_open = connection.is_open();
    core_.on_heartbeat(connection.now(), excused);
    if (was_open && !connection.is_open()) Counters::add(connection.context().counters.heartbeat_timeouts);
}

void SessionHandle::heartbeat(const HeartbeatStats& stats) {
    Counters::add(connection_->context().counters.ack_timeouts, stats.ack_timeouts);
    if (stats.rtt) emit(&Handlers::stat_rtt, "on_stat_rtt", *stats.rtt);
    emit(&Handlers::stat_bytes_rx, "on_stat_bytes_rx", stats.bytes_rx);
    emit(&Handlers::stat_bytes_tx, "on_stat_bytes_tx", stats.bytes_tx);
    emit(&Handlers::stat_ack_timeout, "on_stat_ack_timeout", stats.ack_timeouts);
}

// -- the end ---------------------------------------------------------------------------------------------------------

void SessionHandle::on_server_stop(WebSocketConnection&) { close(CloseCode::graceful, "server is stopping"); }

void SessionHandle::on_closing(WebSocketConnection& connection) {
    if (core_.violated()) Counters::add(connection.context().counters.protocol_errors);
    core_.on_closing();
    timer_.cancel();
    host_.session_closing(*this);
}

void SessionHandle::on_closed(WebSocketConnection&, const CloseEvent& event) {
    if (hooked_) {
        hooked_->send.abandon();
        hooked_->receive.abandon();
        hooked_.reset();
    }
    if (!announced_) return;
    emit(&Handlers::closed, "on_closed", event);
    hooks_.session_closed(*this, event, opened_mark_);
    handlers_.reset();
}

// -- what the application keeps here ---------------------------------------------------------------------------------

SessionHandle::Handlers& SessionHandle::handlers() {
    if (!handlers_) handlers_ = std::make_unique<Handlers>();
    return *handlers_;
}

SessionHandle::Hooked& SessionHandle::hooked() {
    if (!hooked_) {
        const auto& limits = options_.backpressure;
        hooked_ = std::make_unique<Hooked>(*this,
                                           extension::HookLimits{limits.max_deferred_count, limits.max_deferred_bytes});
    }
    return *hooked_;
}

SendStatus SessionHandle::passed(Direction direction, Message& message, std::string_view dedupe_key) {
    if (direction == Direction::send) {
        const SendStatus status = connection_->write({message.kind(), message.bytes(), dedupe_key});
        close_when_idle();
        return status;
    }
    deliver(message.kind(), message.bytes());
    return SendStatus::sent;
}

void SessionHandle::dropped(Direction, const DroppedMessage& message) {
    connection_->count_drop(message);
    close_when_idle();
}

void SessionHandle::unblocked(Direction direction) {
    if (direction == Direction::receive) connection_->set_paused(WebSocketConnection::by_deferred_hooks, false);
}

/// Calls a handler of the application. It is taken out for the call, as it may set another one in its place. False when
/// it threw.
template <class Handler, class... Args>
bool SessionHandle::emit(Handler Handlers::*which, std::string_view name, Args&&... args) {
    if (!handlers_ || !(handlers_.get()->*which)) return true;
    Handler handler = std::move(handlers_.get()->*which);
    const bool handled = connection_->context().fenced(name, [&] { handler(*this, std::forward<Args>(args)...); });
    if (handlers_ && !(handlers_.get()->*which)) handlers_.get()->*which = std::move(handler);
    return handled;
}

/// None becomes one that does nothing, so that a handler can take itself away: an empty slot is one whose handler runs.
template <class Handler>
void SessionHandle::set(Handler Handlers::*which, Handler handler) {
    if (!handler) handler = [](Session&, auto&&...) {};
    handlers().*which = std::move(handler);
}

void SessionHandle::on_message_utf8(UniqueFunction<void(Session&, std::string_view)> handler) {
    set(&Handlers::message_utf8, std::move(handler));
}
void SessionHandle::on_message_binary(UniqueFunction<void(Session&, Bytes)> handler) {
    set(&Handlers::message_binary, std::move(handler));
}
void SessionHandle::on_closed(UniqueFunction<void(Session&, const CloseEvent&)> handler) {
    set(&Handlers::closed, std::move(handler));
}
void SessionHandle::on_drain(UniqueFunction<void(Session&)> handler) { set(&Handlers::drain, std::move(handler)); }
void SessionHandle::on_dropped(UniqueFunction<void(Session&, const DroppedMessage&)> handler) {
    set(&Handlers::dropped, std::move(handler));
}
void SessionHandle::on_stat_rtt(UniqueFunction<void(Session&, std::chrono::microseconds)> handler) {
    set(&Handlers::stat_rtt, std::move(handler));
}
void SessionHandle::on_stat_bytes_rx(UniqueFunction<void(Session&, std::uint64_t)> handler) {
    set(&Handlers::stat_bytes_rx, std::move(handler));
}
void SessionHandle::on_stat_bytes_tx(UniqueFunction<void(Session&, std::uint64_t)> handler) {
    set(&Handlers::stat_bytes_tx, std::move(handler));
}
void SessionHandle::on_stat_ack_timeout(UniqueFunction<void(Session&, std::uint64_t)> handler) {
    set(&Handlers::stat_ack_timeout, std::move(handler));
}

SessionStats SessionHandle::stats() const {
    return {.connection = connection_->stats(),
            .rtt = core_.rtt(),
            .ack_timeouts = core_.ack_timeouts(),
            .pending_acks = core_.pending_acks()};
}

std::optional<std::string> SessionHandle::query(std::string_view name) const {
    return HttpRequest{.query_string = opening_.query}.query(name);
}

std::any& SessionHandle::slot(std::string_view key) {
    if (!store_) store_ = std::make_unique<std::map<std::string, std::any, std::less<>>>();
    return (*store_)[std::string(key)];
}

std::any* SessionHandle::find_slot(std::string_view key) noexcept {
    if (!store_) return nullptr;
    const auto found = store_->find(key);
    return found == store_->end() ? nullptr : &found->second;
}

}  // namespace cryo::session
