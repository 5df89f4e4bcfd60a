// What becomes of a WebSocket connection's messages that are thrown away: they are counted, and the protocol is told.

#include <string>
#include <utility>

#include "connection/websocket_connection.h"

namespace cryo::connection {

void WebSocketConnection::report(std::vector<SendQueue::Dropped>& dropped) {
    for (const auto& [item, reason] : dropped) {
        count_drop({item.kind(), item.payload().size(), reason, item.dedupe_key()});
    }
}

void WebSocketConnection::count_drop(const DroppedMessage& message) {
    messages_dropped_ += message.count;
    Counters::add(context_->counters.dropped_messages, message.count);
    if (drop_counter_) Counters::add(*drop_counter_, message.count);
    if (finished_) return;
    if (reporting_drop_ || context_->fan_out.defers_drops()) {
        // A handler that sends again and is dropped again hears of it in the next turn, not from within itself.
        post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this()), kind = message.kind,
              bytes = message.bytes, reason = message.reason, key = std::string(message.dedupe_key),
              count = message.count] {
            self->report_drop({kind, bytes, reason, key, count});
        });
        return;
    }
    report_drop(message);
}

void WebSocketConnection::refuse(const DroppedMessage& message) {
    if (context_->loop->in_loop_thread()) return count_drop(message);
    if (!context_->note_refusal(refused_, message)) return;
    post([self = std::static_pointer_cast<WebSocketConnection>(shared_from_this())] {
        for (const auto& refused : self->context_->take_refusals(self->refused_)) self->count_drop(refused);
    });
}

void WebSocketConnection::report_drop(const DroppedMessage& message) {
    if (finished_) return;
    reporting_drop_ = true;
    listener_->on_dropped(*this, message);
    reporting_drop_ = false;
}

}  // namespace cryo::connection
