// The end of a WebSocket connection: RFC 6455 section 7.

#include <array>
#include <utility>

#include "connection/websocket_connection.h"
#include "websocket/close_code.h"
#include "websocket/utf8.h"

namespace cryo::connection {

namespace close_code = websocket::close_code;

namespace {

constexpr std::int64_t kBacklogBytes = 64 * 1024;
constexpr std::size_t kMaxReasonBytes = websocket::kMaxControlPayloadBytes - 2;

/// At most 123 bytes, and none of half a character.
std::string_view cut_reason(std::string_view reason) noexcept {
    if (reason.size() <= kMaxReasonBytes) return reason;
    std::size_t end = kMaxReasonBytes;
    while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0U) == 0x80U) --end;
    return reason.substr(0, end);
}

}  // namespace

void WebSocketConnection::begin_close(std::uint16_t code, std::string_view reason) {
    settle_fan_out();  // it may lead to a queue
    if (phase_ != Phase::open || !socket_) return;
    close_code_ = close_code::is_valid_on_wire(code) ? code : close_code::kNormal;
    close_reason_ = cut_reason(reason);
    if (!websocket::is_valid_utf8(as_bytes(close_reason_))) close_reason_.clear();
    leave_open(queue_ ? Phase::flushing : Phase::close_sent);
    if (phase_ == Phase::close_sent) send_close_frame();
}

void WebSocketConnection::leave_open(Phase next) {
    const Phase before = phase_.exchange(next, std::memory_order_relaxed);
    if (before != Phase::open) return;
    context_->loop->timers().start(timer_, context_->options->close_timeout);
    // The peer's part of the closing handshake has to be read, whoever paused.
    if (paused_ != 0) {
        paused_ = by_application;
        set_paused(by_application, false);
    }
    if (is_receiver()) context_->fan_out.remove(*this);
    listener_->on_closing(*this);
}

void WebSocketConnection::send_close_frame() {
    if (!socket_) return;
    std::array<std::byte, websocket::kMaxServerHeaderBytes + 2> head;
    const bool has_code = close_code_ != close_code::kNoStatus;
    const std::size_t length = has_code ? 2 + close_reason_.size() : 0;
    std::size_t used = websocket::write_frame_header(head.data(), websocket::Opcode::close, length);
    if (has_code) {
        head[used++] = static_cast<std::byte>(close_code_ >> 8);
        head[used++] = static_cast<std::byte>(close_code_ & 0xff);
    }
    output().append(Bytes(head).first(used));
    if (has_code) output().append(as_bytes(close_reason_));
}

bool WebSocketConnection::on_close(const websocket::CloseFrame& frame) {
    input_ended_ = true;
    settle_fan_out();
    if (phase_ == Phase::ended) return false;
    if (phase_ == Phase::close_sent) {
        finish({close_code_, close_reason_, false});
    } else {
        // Ours was still to come: what is queued will not be read any more, so answer now.
        const bool was_closing = phase_ == Phase::flushing;
        if (!was_closing) close_code_ = frame.code;
        leave_open(Phase::close_sent);
        send_close_frame();
        finish(was_closing ? CloseEvent{close_code_, close_reason_, false}
                           : CloseEvent{frame.code, frame.reason, true});
    }
    ends_after_flush_ = true;
    if (socket_) socket_->request_flush();
    return false;
}

void WebSocketConnection::fail(std::uint16_t code, std::string_view reason) {
    Counters::add(context_->counters.protocol_errors);
    settle_fan_out();
    if (phase_ == Phase::ended) return;
    if (phase_ != Phase::close_sent) {
        close_code_ = code;
        close_reason_ = reason;
        leave_open(Phase::close_sent);
        send_close_frame();
    }
    finish({close_code_, close_reason_, false});
    input_ended_ = true;
    ends_after_flush_ = true;
    if (socket_) socket_->request_flush();
}

/// Tells the protocol, once, how it ended.
void WebSocketConnection::finish(const CloseEvent& event) {
    if (finished_) return;
    if (queue_) {
        while (!queue_->empty()) {
            const SendQueue::Item item = queue_->pop_front();
            count_drop({item.kind(), item.payload().size(), DropReason::closed, item.dedupe_key()});
        }
        queue_.reset();
    }
    const auto keep = shared_from_this();
    listener_->on_closed(*this, event);
    finished_ = true;
}

/// The server ends TCP first (RFC 6455 7.1.1), gently: a reset could overtake our Close frame.
void WebSocketConnection::end_writing() {
    if (std::exchange(write_ended_, true) || !socket_) return;
    context_->loop->timers().start(timer_, context_->options->close_timeout);
    socket_->shutdown();
}

void WebSocketConnection::on_timer() noexcept {
    const auto keep = shared_from_this();
    if (phase_ != Phase::open) {
        if (socket_) socket_->close();
        return;
    }
    context_->loop->timers().start(timer_, context_->options->keepalive_interval);
    const bool unread = std::exchange(held_up_, (paused_ & ~by_control_backlog) != 0);
    listener_->on_keepalive(*this, excuses(unread));
}

/// A ping behind a backlog that moves, or has just gone, is on its way, and whom we did not read cannot have answered;
/// but a peer that takes nothing of what waits for it, twice in a row, is gone.
bool WebSocketConnection::excuses(bool unread) {
    const auto in_kernel = static_cast<std::int64_t>(socket_->unsent_bytes());
    const std::int64_t arrived = written_ + static_cast<std::int64_t>(uncounted().wire_bytes) - in_kernel;
    const bool backlog = out_ || in_kernel > kBacklogBytes;  // a message or two in flight hold up no ping
    const bool moved = std::exchange(arrived_, arrived) != arrived;
    const bool was_stuck = std::exchange(stuck_, (out_ || in_kernel > 0) && !moved);
    const bool had_backlog = std::exchange(had_backlog_, backlog);
    return unread ? !(stuck_ && was_stuck) : (backlog ? moved : had_backlog);
}

void ConnectionListener::on_close_request(WebSocketConnection& connection, std::uint16_t code,
                                          std::string_view reason) {
    connection.begin_close(code, reason);
}

void ConnectionListener::on_server_stop(WebSocketConnection& connection) {
    connection.close(close_code::kGoingAway, "server is stopping");
}

void ConnectionListener::on_keepalive(WebSocketConnection& connection, bool excused) {
    if (connection.take_heard()) return;
    if (connection.ping_unanswered()) {
        if (excused) return;
        Counters::add(connection.context().counters.heartbeat_timeouts);
        connection.destroy();
        return;
    }
    connection.send_ping({});
}

void WebSocketConnection::destroy_on_loop() {
    if (!socket_) return;
    leave_open(Phase::ended);
    // Not from here: the caller may be a handler; the end is told when nothing of this connection is running.
    post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this())] {
        if (self->socket_) self->socket_->close();
    });
}

void WebSocketConnection::on_closed() noexcept {
    const auto keep = shared_from_this();
    const bool we_closed = (phase_ == Phase::flushing || phase_ == Phase::close_sent) && close_code_ != 0;
    socket_ = nullptr;
    timer_.cancel();
    context_->throttled->remove(*this);
    context_->connections.remove(*this);
    if (out_) context_->buffers.give_back(std::move(out_));
    held_back_.reset();
    leave_open(Phase::ended);
    timer_.cancel();
    phase_ = Phase::ended;
    finish({we_closed ? close_code_ : close_code::kAbnormal, we_closed ? close_reason_ : std::string_view(), false});
    context_->limiter->release(remote_address_);
    // Not here: this may be a call from within the listener.
    post([listener = std::move(listener_)] {});
}

}  // namespace cryo::connection
