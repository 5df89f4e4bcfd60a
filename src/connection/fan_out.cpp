#include "connection/fan_out.h"

#include <algorithm>
#include <utility>

#include "connection/prepared_message.h"
#include "connection/websocket_connection.h"

namespace cryo::connection {

namespace {

/// Published in one turn, more than this leaves before its end.
constexpr std::size_t kMaxBatchBytes = 64 * 1024;
constexpr std::size_t kSmallFrameBytes = 4 * 1024;

/// Whether `number` is `other` or came after it.
bool not_before(std::uint32_t number, std::uint32_t other) noexcept { return number - other <= UINT32_MAX / 2; }

}  // namespace

FanOut::Sent& FanOut::Sent::operator+=(const Sent& other) noexcept {
    messages += other.messages;
    payload_bytes += other.payload_bytes;
    wire_bytes += other.wire_bytes;
    return *this;
}

FanOut::Sent FanOut::Sent::operator-(const Sent& other) const noexcept {
    return {messages - other.messages, payload_bytes - other.payload_bytes, wire_bytes - other.wire_bytes};
}

void FanOut::Batch::add(const PreparedMessage& message, From from) {
    publications.push_back({message, from});
    sent += {1, message.payload().size(), message.encoded()->frame.size()};
}

void FanOut::Batch::clear() noexcept {
    publications.clear();
    sent = {};
}

// -- receivers -------------------------------------------------------------------------------------------------------

void FanOut::add(WebSocketConnection& connection) {
    // Busy: the answer to its upgrade has still to leave.
    receivers_.add({.connection = &connection, .descriptor = connection.descriptor(), .reached = last_number_});
    if (published_) attach(connection);
}

/// From the first publication on, as it costs a connection that sends by itself a little.
void FanOut::attach(WebSocketConnection& connection) {
    if (connection.takes_plain_bytes()) connection.set_fan_out(this);
}

void FanOut::remove(WebSocketConnection& connection) {
    connection.count_sent(uncounted(connection));
    receivers_.remove(connection);
    connection.set_fan_out(nullptr);
}

void FanOut::settle(WebSocketConnection& connection) {
    Receiver* const receiver = receivers_.find(connection);
    if (receiver && !receiver->busy) settle(*receiver, pending_.publications.size());
}

/// Makes it busy, and gives it all that the others get later, of what is pending the first `count`.
void FanOut::settle(Receiver& receiver, std::size_t count) {
    WebSocketConnection& connection = *receiver.connection;
    connection.count_sent(uncounted(receiver));
    receiver.busy = true;
    receiver.reached = number_of(count) - 1;
    const bool owed = is_flushing_ && !has_flushed(connection);
    catch_up(connection, owed ? flushing_.publications.size() : 0, count);
}

/// Gives it the first so many of each. What callbacks publish meanwhile comes after that.
void FanOut::catch_up(WebSocketConnection& connection, std::size_t flushing, std::size_t pending) {
    const bool reaching = std::exchange(reaching_busy_, true);
    replay(flushing_, flushing, connection);
    replay(pending_, pending, connection);
    reaching_busy_ = reaching;
    if (!reaching) reach_busy();
}

void FanOut::replay(const Batch& batch, std::size_t count, WebSocketConnection& connection) {
    for (std::size_t i = 0; i < count; ++i) {
        const PreparedMessage message = batch.publications[i].message;  // callbacks may publish, and move the batch
        write(message, connection);
    }
}

void FanOut::write(const PreparedMessage& message, WebSocketConnection& connection) {
    const Bytes payload = message.payload();
    if (connection.write({message.kind(), payload, {}, &message.encoded()}) == SendStatus::closed) {
        connection.count_drop({message.kind(), payload.size(), DropReason::closed});
    }
}

void FanOut::idle(WebSocketConnection& connection) noexcept {
    // Not while a batch exists that it has got already.
    if (is_flushing_ || !pending_.publications.empty()) return;
    Receiver* const receiver = receivers_.find(connection);
    if (!receiver || !receiver->busy) return;
    receiver->busy = false;
    receiver->room = connection.room_for(0);
    receiver->counted = sent_;
}

bool FanOut::has_flushed(const WebSocketConnection& connection) const noexcept {
    return is_flushing_ && connection.endpoint_slot < flushed_to_;
}

FanOut::Sent FanOut::uncounted(const Receiver& receiver) const noexcept {
    if (receiver.busy) return {};
    Sent sent = sent_ - receiver.counted;
    if (has_flushed(*receiver.connection)) sent += flushing_.sent;
    return sent;
}

FanOut::Sent FanOut::uncounted(const WebSocketConnection& connection) const noexcept {
    const Receiver* const receiver = receivers_.find(connection);
    return receiver ? uncounted(*receiver) : Sent{};
}

std::size_t FanOut::pending_bytes(const WebSocketConnection& connection) const noexcept {
    const Receiver* const receiver = receivers_.find(connection);
    if (!receiver || receiver->busy) return 0;
    const bool owed = is_flushing_ && !has_flushed(connection);
    return pending_.sent.wire_bytes + (owed ? flushing_.sent.wire_bytes : 0);
}

// -- publishing ------------------------------------------------------------------------------------------------------

void FanOut::publish(const PreparedMessage& message, From from) {
    if (pending_.publications.empty()) {
        context_.loop->at_turn_end([this] { flush(); });
    }
    if (!std::exchange(published_, true)) for_each([this](WebSocketConnection& connection) { attach(connection); });
    pending_.add(message, from);
    ++last_number_;
    if (reaching_busy_) return;  // published by a callback of one that is being reached: after the present one
    reach_busy();
    if (pending_.sent.wire_bytes >= kMaxBatchBytes && !is_flushing_) flush();
}

/// Of a pending message, or of the next one to come. Numbers wrap.
std::uint32_t FanOut::number_of(std::size_t index) const noexcept {
    return last_number_ + 1 - static_cast<std::uint32_t>(pending_.publications.size() - index);
}

void FanOut::reach_busy() {
    reaching_busy_ = true;
    while (reached_busy_ < pending_.publications.size()) {
        const std::size_t index = reached_busy_++;
        receivers_.for_each([&](Receiver& receiver) { reach(receiver, index); });
    }
    reaching_busy_ = false;
}

void FanOut::reach(Receiver& receiver, std::size_t index) {
    WebSocketConnection& connection = *receiver.connection;  // its place may be empty after what follows
    if (!receiver.busy) {
        if (pending_.publications[index].from == From::task) return;
        // The loop's count first: it saves looking at the connection.
        if (context_.remote_sends.load(std::memory_order_acquire) == 0 || !connection.has_remote_sends()) return;
        // What other threads have sent goes out between the earlier messages and this one.
        settle(receiver, index);
    }
    Receiver* const busy = receivers_.find(connection);
    if (!busy || not_before(busy->reached, number_of(index))) return;
    busy->reached = number_of(index);
    const Publication publication = pending_.publications[index];  // callbacks may publish, and move it
    if (publication.from == From::task) {
        write(publication.message, connection);
    } else {
        connection.send(publication.message, {});
    }
}

// -- the end of the turn ---------------------------------------------------------------------------------------------

void FanOut::flush() {
    if (pending_.publications.empty()) return;
    std::swap(pending_, flushing_);
    reached_busy_ = 0;
    gather();
    is_flushing_ = true;
    flushed_to_ = 0;
    receivers_.for_each([&](Receiver& receiver) {
        const std::size_t slot = receivers_.slot_of(receiver);
        if (!receiver.busy) send(receiver);
        flushed_to_ = slot + 1;
    });
    is_flushing_ = false;
    sent_ += flushing_.sent;
    flushing_.clear();
}

/// Small frames are put together once, rather than by the kernel for each receiver.
void FanOut::gather() {
    const auto is_small = [](Bytes frame) { return frame.size() < kSmallFrameBytes; };
    std::size_t small_bytes = 0;
    for (const auto& publication : flushing_.publications) {
        const Bytes frame = publication.message.encoded()->frame;
        if (is_small(frame)) small_bytes += frame.size();
    }
    pieces_.clear();
    joined_.clear();
    joined_.reserve(small_bytes);  // pieces refer to it
    bool joins = false;
    for (const auto& publication : flushing_.publications) {
        const Bytes frame = publication.message.encoded()->frame;
        if (!is_small(frame)) {
            pieces_.push_back(frame);
            joins = false;
            continue;
        }
        const std::size_t before = joins ? pieces_.back().size() : 0;
        joined_.insert(joined_.end(), frame.begin(), frame.end());
        if (!std::exchange(joins, true)) pieces_.emplace_back();
        pieces_.back() = Bytes(joined_).last(before + frame.size());
    }
}

void FanOut::send(Receiver& receiver) {
    const std::size_t bytes = flushing_.sent.wire_bytes;
    if (receiver.room <= bytes && !look_for_room(receiver)) return settle(receiver, pending_.publications.size());
    const std::size_t taken = transport::send_now(receiver.descriptor, pieces_);
    if (taken < bytes) return send_rest(receiver, taken);
    receiver.room -= bytes;
}

/// Whether the peer has taken enough of what it was sent for this to stay below the high-water mark.
bool FanOut::look_for_room(Receiver& receiver) {
    receiver.connection->count_sent(uncounted(receiver));
    receiver.counted = sent_;
    receiver.room = receiver.connection->room_for(flushing_.sent.wire_bytes);
    return receiver.room > flushing_.sent.wire_bytes;
}

void FanOut::send_rest(Receiver& receiver, std::size_t taken) {
    WebSocketConnection& connection = *receiver.connection;
    connection.count_sent(uncounted(receiver));
    connection.count_sent({flushing_.sent.messages, flushing_.sent.payload_bytes, taken});
    receiver.busy = true;
    receiver.reached = last_number_;
    for (const auto& [message, from] : flushing_.publications) {
        const Bytes frame = message.encoded()->frame;
        const std::size_t gone = std::min(taken, frame.size());
        taken -= gone;
        if (gone < frame.size()) connection.write_encoded(message, frame.subspan(gone));
    }
    catch_up(connection, 0, pending_.publications.size());
}

}  // namespace cryo::connection
