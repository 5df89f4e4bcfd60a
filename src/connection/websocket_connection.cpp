#include "connection/websocket_connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "connection/prepared_message.h"

namespace cryo::connection {

using websocket::Opcode;

namespace {

constexpr std::size_t kWorthWaitingFor = 16 * 1024;

std::uint64_t next_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

WebSocketConnection::WebSocketConnection(std::shared_ptr<LoopContext> context, transport::Socket& socket, Setup setup)
    : context_(std::move(context)),
      socket_(&socket),
      listener_(std::move(setup.listener)),
      reader_(context_->options->max_message_bytes),
      deflate_parameters_(setup.deflate),
      remote_address_(std::move(setup.remote_address)),
      subprotocol_(std::move(setup.subprotocol)),
      user_data_(std::move(setup.user_data)),
      id_(next_id()) {
    if (deflate_parameters_) reader_.enable_inflation(*deflate_parameters_);
}

void WebSocketConnection::open(std::string_view upgrade_response, std::span<std::byte> early) {
    output().append(as_bytes(upgrade_response));
    context_->loop->timers().start(timer_, context_->options->keepalive_interval);
    context_->connections.add({this});
    heard_at_ = now();
    listener_->on_open(*this);
    if (!early.empty()) on_bytes(early);
}

// -- reading ---------------------------------------------------------------------------------------------------------

void WebSocketConnection::on_bytes(std::span<std::byte> data) noexcept {
    heard_ = true;
    heard_at_ = now();
    if (!held_back_) data = read(data);
    if (data.empty()) return;
    if (!held_back_) held_back_ = std::make_unique<HeldBack>();
    held_back_->bytes.insert(held_back_->bytes.end(), data.begin(), data.end());
}

/// Returns what is left when reading was paused meanwhile.
std::span<std::byte> WebSocketConnection::read(std::span<std::byte> data) {
    while (!data.empty() && paused_ == 0) {
        if (phase_ == Phase::ended || input_ended_) return {};
        const auto result = reader_.consume(data, *this);
        if (result.failure) {
            fail(result.failure->code, result.failure->reason);
            return {};
        }
        data = data.subspan(result.consumed);
    }
    return data;
}

/// Nothing more is read from the socket before all of this is done, or pausing often would pile it up.
void WebSocketConnection::read_held_back() {
    if (!held_back_ || paused_ != 0) return;
    auto held = std::move(held_back_);
    const auto left = read(std::span(held->bytes).subspan(held->begin));
    if (left.empty()) {
        if (socket_ && paused_ == 0) socket_->set_reading(true);
        return;
    }
    held->begin = held->bytes.size() - left.size();
    held_back_ = std::move(held);
}

bool WebSocketConnection::on_message(Opcode type, std::span<std::byte> payload) {
    if (phase_ != Phase::open) return keeps_reading();  // what comes after we began to close is not delivered
    ++messages_received_;
    bytes_received_ += payload.size();
    listener_->on_message(*this, type == Opcode::text ? MessageKind::text : MessageKind::binary, payload);
    return keeps_reading();
}

bool WebSocketConnection::on_ping(std::span<const std::byte> payload) {
    write_control([&](OutputBuffer& out) {
        std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
        out.append(Bytes(header).first(websocket::write_frame_header(header.data(), Opcode::pong, payload.size())));
        out.append(payload);
    });
    return keeps_reading();
}

bool WebSocketConnection::on_pong(std::span<const std::byte>) {
    ping_unanswered_ = false;
    if (phase_ == Phase::open) listener_->on_pong(*this);
    return keeps_reading();
}

void WebSocketConnection::set_paused(PauseReason reason, bool paused) {
    if (paused && phase_ != Phase::open) return;  // the closing handshake is always read
    const std::uint8_t before = paused_;
    paused_ = static_cast<std::uint8_t>(paused ? paused_ | reason : paused_ & ~reason);
    if (paused && reason != by_control_backlog) held_up_ = true;
    if (!socket_ || (before == 0) == (paused_ == 0)) return;
    if (paused_ != 0) {
        socket_->set_reading(false);
        return;
    }
    if (!held_back_) return socket_->set_reading(true);
    // Not from here: the caller may be in the middle of something, even of reading.
    post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this())] { self->read_held_back(); });
}

// -- writing ---------------------------------------------------------------------------------------------------------

SendStatus ConnectionListener::on_send(WebSocketConnection& connection, const OutgoingMessage& message) {
    return connection.write(message);
}

SendStatus WebSocketConnection::write(const OutgoingMessage& message) {
    settle_fan_out();
    return write_settled(message);
}

SendStatus WebSocketConnection::write_settled(const OutgoingMessage& message) {
    if (phase_ != Phase::open) return SendStatus::closed;
    return throttled_ ? enqueue(message) : commit(message);
}

SendStatus WebSocketConnection::commit(const OutgoingMessage& message) {
    if (!listener_->encode(*this, message, output())) return SendStatus::closed;
    ++messages_sent_;
    bytes_sent_ += message.payload.size();
    if (holds(context_->options->backpressure.high_water_mark)) throttled_ = true;
    return SendStatus::sent;
}

SendStatus WebSocketConnection::enqueue(const OutgoingMessage& message) {
    if (!queue_) queue_ = std::make_unique<SendQueue>(context_->options->backpressure);
    std::vector<SendQueue::Dropped> dropped;
    const SendStatus status = queue_->push(message, dropped);
    report(dropped);
    return status;
}

bool WebSocketConnection::takes_control() const noexcept {
    return phase_ == Phase::open ||
           (phase_ == Phase::flushing && control_bytes_ < context_->options->backpressure.max_control_bytes);
}

OutputBuffer& WebSocketConnection::output() {
    if (!out_) {
        out_ = context_->buffers.take();
        socket_->request_flush();
    }
    return *out_;
}

void WebSocketConnection::count_sent(const Sent& sent) noexcept {
    messages_sent_ += sent.messages;
    bytes_sent_ += sent.payload_bytes;
    kernel_bytes_ += sent.wire_bytes;
    written_ += static_cast<std::int64_t>(sent.wire_bytes);
}

std::size_t WebSocketConnection::room_for(std::size_t bytes) {
    const std::size_t limit = context_->options->backpressure.high_water_mark;
    (void)holds(limit - std::min(limit, bytes));
    return limit - std::min(limit, kernel_bytes_);
}

void WebSocketConnection::write_encoded(const PreparedMessage& message, Bytes rest) {
    output().append_shared(message.encoded(), rest);
}

void WebSocketConnection::control_written(std::size_t bytes) {
    control_bytes_ += bytes;
    // Also what the kernel holds of them counts, on top of the most that messages may take.
    const auto& limits = context_->options->backpressure;
    if (control_bytes_ > limits.max_control_bytes || holds(limits.high_water_mark + limits.max_control_bytes)) {
        set_paused(by_control_backlog, true);
    }
}

void WebSocketConnection::send_ping(Bytes payload) {
    ping_unanswered_ = true;
    write_control([&](OutputBuffer& out) {
        std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
        out.append(Bytes(header).first(websocket::write_frame_header(header.data(), Opcode::ping, payload.size())));
        out.append(payload);
    });
}

/// Whether at least so many bytes are unsent. The kernel is asked only when the upper bound says that it might be so.
bool WebSocketConnection::holds(std::size_t limit) {
    const std::size_t waiting = out_ ? out_->bytes() : 0;
    if (waiting + kernel_bytes_ < limit) return false;
    kernel_bytes_ = socket_->unsent_bytes();
    return waiting + kernel_bytes_ >= limit;
}

std::size_t WebSocketConnection::unsent_bytes() const {
    return (out_ ? out_->bytes() : 0) + (is_receiver() ? context_->fan_out.pending_bytes(*this) : 0) +
           (socket_ ? socket_->unsent_bytes() : 0);
}

void WebSocketConnection::on_flush() noexcept {
    if (out_) write_out();
    if (out_ && out_->empty()) context_->buffers.give_back(std::move(out_));
    recheck_backlog();
    if (is_receiver() && leaves_writing_to_fan_out()) context_->fan_out.idle(*this);
    if (ends_after_flush_ && !out_) end_writing();
}

void WebSocketConnection::write_out() {
    while (!out_->empty() && !socket_->full()) {
        std::size_t taken = 0;
        if (const Bytes whole = out_->whole(); !whole.empty()) {
            taken = socket_->write({&whole, 1});
        } else {
            std::array<Bytes, 16> pieces;
            taken = socket_->write(std::span(pieces).first(out_->gather(pieces)));
        }
        kernel_bytes_ += taken;
        // What has left had its share of control frames in it.
        if (control_bytes_ != 0) control_bytes_ -= control_bytes_ * taken / out_->bytes();
        out_->consume(taken);
        written_ += static_cast<std::int64_t>(taken);
        if (taken >= kWorthWaitingFor && phase_ >= Phase::flushing && !finished_) {
            // A peer that still reads, and not in drips, gets its time anew.
            context_->loop->timers().start(timer_, context_->options->close_timeout);
        }
    }
}

void WebSocketConnection::recheck_backlog() {
    const auto& limits = context_->options->backpressure;
    if ((paused_ & by_control_backlog) != 0 && socket_ && control_bytes_ <= limits.max_control_bytes / 2) {
        if (!holds(limits.high_water_mark + limits.max_control_bytes)) {
            set_paused(by_control_backlog, false);
        } else if (!out_) {
            return context_->throttled->add(*this);
        }
    }
    recheck_throttle();
}

void WebSocketConnection::recheck_throttle() {
    if (!throttled_ || !socket_ || phase_ > Phase::flushing) return;
    kernel_bytes_ = socket_->unsent_bytes();
    const std::size_t waiting = out_ ? out_->bytes() : 0;
    if (waiting + kernel_bytes_ > context_->options->backpressure.low_water_mark) {
        if (waiting == 0) context_->throttled->add(*this);
        return;
    }
    throttled_ = false;
    commit_queued();
    if (!throttled_ && phase_ == Phase::open) listener_->on_drain(*this);
}

void WebSocketConnection::commit_queued() {
    while (!throttled_ && queue_ && !queue_->empty()) {
        const SendQueue::Item item = queue_->pop_front();
        if (commit(item.message()) == SendStatus::closed) {
            count_drop({item.kind(), item.payload().size(), DropReason::closed, item.dedupe_key()});
        }
    }
    if (queue_ && queue_->empty()) queue_.reset();
    if (phase_ == Phase::flushing && !queue_) {
        phase_ = Phase::close_sent;
        send_close_frame();
    }
}

// -- from any thread -------------------------------------------------------------------------------------------------

SendStatus WebSocketConnection::send_text(std::string_view utf8, SendOptions options) {
    return send_from_anywhere({MessageKind::text, as_bytes(utf8), options.dedupe_key});
}

SendStatus WebSocketConnection::send_binary(Bytes data, SendOptions options) {
    return send_from_anywhere({MessageKind::binary, data, options.dedupe_key});
}

SendStatus WebSocketConnection::send(const PreparedMessage& message, SendOptions options) {
    return send_from_anywhere({message.kind(), message.payload(), options.dedupe_key, &message.encoded()});
}

SendStatus WebSocketConnection::send_from_anywhere(const OutgoingMessage& message) {
    if (!is_open()) return SendStatus::closed;
    // With sends of other threads on their way, the loop's own take their turn behind them.
    if (context_->loop->in_loop_thread() && remote_bytes_.load(std::memory_order_acquire) == 0) {
        return listener_->on_send(*this, message);
    }
    const auto& limits = context_->options->backpressure;
    SendQueue::Item item(message);
    const std::size_t cost = item.bytes() + 64;
    if (remote_bytes_.fetch_add(cost, std::memory_order_acq_rel) + cost >
        limits.high_water_mark + limits.max_queued_bytes) {
        remote_bytes_.fetch_sub(cost, std::memory_order_acq_rel);
        refuse({message.kind, message.payload.size(), DropReason::queue_full, message.dedupe_key});
        return SendStatus::dropped;
    }
    auto self = std::static_pointer_cast<WebSocketConnection>(shared_from_this());
    context_->remote_sends.fetch_add(1, std::memory_order_acq_rel);
    const bool posted = post([self = std::move(self), item = std::move(item), cost] {
        self->context_->remote_sends.fetch_sub(1, std::memory_order_acq_rel);
        self->remote_bytes_.fetch_sub(cost, std::memory_order_acq_rel);
        if (!self->is_open() || self->listener_->on_send(*self, item.message()) == SendStatus::closed) {
            self->count_drop({item.kind(), item.payload().size(), DropReason::closed, item.dedupe_key()});
        }
    });
    return posted ? SendStatus::queued : SendStatus::closed;
}

bool WebSocketConnection::post(UniqueFunction<void()> task) {
    return context_->loop->post(
        [context = context_, task = std::move(task)]() mutable { context->fenced("post", task); });
}

void WebSocketConnection::run_on_loop(void (WebSocketConnection::*action)()) {
    if (context_->loop->in_loop_thread()) return (this->*action)();
    post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this()), action] {
        (self.get()->*action)();
    });
}

void WebSocketConnection::close(std::uint16_t code, std::string_view reason) {
    // Behind what other threads, or this one, have sent before.
    if (context_->loop->in_loop_thread() && remote_bytes_.load(std::memory_order_acquire) == 0) {
        return listener_ ? listener_->on_close_request(*this, code, reason) : void();
    }
    post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this()), code, text = std::string(reason)] {
        if (self->listener_) self->listener_->on_close_request(*self, code, text);
    });
}

void WebSocketConnection::destroy() { run_on_loop(&WebSocketConnection::destroy_on_loop); }
void WebSocketConnection::pause_reading() { run_on_loop(&WebSocketConnection::pause_on_loop); }
void WebSocketConnection::resume_reading() { run_on_loop(&WebSocketConnection::resume_on_loop); }

ConnectionStats WebSocketConnection::stats() const {
    const Sent more = uncounted();
    return {.messages_received = messages_received_,
            .messages_sent = messages_sent_ + more.messages,
            .messages_dropped = messages_dropped_,
            .bytes_received = bytes_received_,
            .bytes_sent = bytes_sent_ + more.payload_bytes,
            .queued_messages = queue_ ? queue_->count() : 0,
            .queued_bytes = queue_ ? queue_->bytes() : 0,
            .unsent_bytes = unsent_bytes(),
            .throttled = throttled_,
            .last_heard = heard_at_};
}

}  // namespace cryo::connection
