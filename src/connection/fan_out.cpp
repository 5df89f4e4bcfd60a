#include "connection/fan_out.h"

#include <algorithm>
#include <utility>

#include "connection/prepared_message.h"
#include "connection/websocket_connection.h"

namespace cryo::connection {

namespace {

/// Published for one group in one turn, more than this leaves before its end.
constexpr std::size_t kMaxGroupBytes = 64 * 1024;

}  // namespace

FanOut::~FanOut() = default;

/// Whatever may call back runs in here, so that what callbacks publish waits, and what they end stays in memory.
template <class Work>
void FanOut::work(Work&& work) {
    ++depth_;
    std::forward<Work>(work)();
    if (depth_ == 1) reach_busy();
    if (--depth_ == 0 && queue_.empty()) sweep();
}

// -- groups ----------------------------------------------------------------------------------------------------------

void DissolveGroup::operator()(Group* group) const noexcept {
    group->fan_out().dissolve(std::unique_ptr<Group>(group));
}

void FanOut::dissolve(std::unique_ptr<Group> group) noexcept {
    dissolved_.push_back(std::move(group));
    if (depth_ == 0 && queue_.empty()) sweep();
}

/// Ends the groups that nobody holds. Not while publications wait: they may be theirs.
void FanOut::sweep() noexcept {
    std::erase_if(dissolved_, [this](const std::unique_ptr<Group>& group) {
        if (group->queued_.first != 0) return false;
        receivers_.remove_members(*group);
        return true;
    });
}

WebSocketConnection* FanOut::member(const Group& group, const Connection* connection) noexcept {
    const auto* const own = dynamic_cast<const WebSocketConnection*>(connection);
    return own && contains(group, *own) ? receivers_.find(*own)->connection : nullptr;
}

bool FanOut::contains(const Group& group, const WebSocketConnection& connection) const noexcept {
    return &connection.context() == &context_ && receivers_.is_member(group, connection);
}

bool FanOut::add(Group& group, WebSocketConnection& connection) {
    if (&connection.context() != &context_ || !connection.is_open()) return false;
    if (receivers_.is_member(group, connection)) return false;
    catch_up_quietly(connection);
    const bool is_new = connection.receiver_slot == kNoSlot;
    Receiver& receiver = receivers_.join(group, connection);
    receiver.reached = queue_.last_number();
    if (is_new && connection.leaves_writing_to_fan_out()) make_idle(receiver);
    if (receiver.busy) ++busied_;
    return true;
}

bool FanOut::remove(Group& group, WebSocketConnection& connection) {
    if (!contains(group, connection)) return false;
    catch_up_quietly(connection);
    if (receivers_.memberships(connection).size() == 1) {
        remove(connection);
    } else {
        receivers_.leave(group, connection);
    }
    return true;
}

void FanOut::remove(WebSocketConnection& connection) noexcept { receivers_.leave_all(connection); }

// -- receivers -------------------------------------------------------------------------------------------------------

void FanOut::make_busy(Receiver& receiver) noexcept {
    if (receiver.busy) return;
    receiver.busy = true;
    receiver.connection->count_sent(std::exchange(receiver.uncounted, {}));
    ++busied_;
}

void FanOut::make_idle(Receiver& receiver) noexcept {
    receiver.busy = false;
    receiver.room = receiver.connection->room_for(0);
}

void FanOut::settle(WebSocketConnection& connection) {
    Receiver& receiver = *receivers_.find(connection);
    make_busy(receiver);
    const std::uint64_t last = queue_.last_number();
    if (queue_.empty() || receiver.reached == last) return;
    work([&] { catch_up(connection, last); });
}

void FanOut::idle(WebSocketConnection& connection) noexcept {
    Receiver& receiver = *receivers_.find(connection);
    if (depth_ == 0 && receiver.busy) make_idle(receiver);  // it has got everything
}

/// Gives it all it has not got, up to that number. Callbacks may have it caught up further, or leave, meanwhile.
void FanOut::catch_up(WebSocketConnection& connection, std::uint64_t last) {
    auto numbers = std::exchange(scratch_, {});
    numbers.clear();
    collect_owed(*receivers_.find(connection), last, numbers);
    if (!numbers.empty()) make_busy(*receivers_.find(connection));
    for (const std::uint64_t number : numbers) {
        Receiver* const receiver = receivers_.find(connection);
        if (!receiver) break;
        if (receiver->reached >= number) continue;
        receiver->reached = number;
        deliver(number, connection);
    }
    if (Receiver* const receiver = receivers_.find(connection)) receiver->reached = std::max(receiver->reached, last);
    scratch_ = std::move(numbers);
}

/// Without callbacks: what is dropped is told in the next turn.
void FanOut::catch_up_quietly(WebSocketConnection& connection) {
    if (queue_.empty() || connection.receiver_slot == kNoSlot) return;
    const bool before = std::exchange(defers_drops_, true);
    catch_up(connection, queue_.last_number());
    defers_drops_ = before;
}

void FanOut::collect_owed(const Receiver& receiver, std::uint64_t last, std::vector<std::uint64_t>& numbers) const {
    std::size_t groups = 0;
    for (const Membership& membership : receivers_.memberships(*receiver.connection)) {
        const QueuedPublications& queued = membership.group->queued_;
        if (queued.last <= receiver.reached) continue;
        ++groups;
        for (std::uint64_t number = queued.first; number != 0 && number <= last; number = queue_.at(number).next) {
            if (number > receiver.reached) numbers.push_back(number);
        }
    }
    if (groups > 1) std::ranges::sort(numbers);
}

void FanOut::deliver(std::uint64_t number, WebSocketConnection& connection) {
    const PreparedMessage message = queue_.at(number).message;  // callbacks may publish, and move the queue
    const Bytes payload = message.payload();
    if (connection.write_settled({message.kind(), payload, {}, &message.encoded()}) == SendStatus::closed) {
        connection.count_drop({message.kind(), payload.size(), DropReason::closed});
    }
}

Sent FanOut::uncounted(const WebSocketConnection& connection) const noexcept {
    return receivers_.find(connection)->uncounted;
}

std::size_t FanOut::pending_bytes(const WebSocketConnection& connection) const noexcept {
    if (queue_.empty()) return 0;
    const std::uint64_t reached = receivers_.find(connection)->reached;
    std::size_t bytes = 0;
    for (const Membership& membership : receivers_.memberships(connection)) {
        const QueuedPublications& queued = membership.group->queued_;
        if (reached < queued.first) {
            bytes += queued.wire_bytes;
            continue;
        }
        if (reached >= queued.last) continue;
        for (std::uint64_t number = queued.first; number != 0; number = queue_.at(number).next) {
            if (number > reached) bytes += queue_.at(number).message.encoded()->frame.size();
        }
    }
    return bytes;
}

// -- publishing ------------------------------------------------------------------------------------------------------

void FanOut::publish(Group& group, const PreparedMessage& message, From from,
                     std::span<const Connection* const> except) {
    if (group.size() == 0) return;
    // Nothing is owed then to who is left out, and passing this one over is all there is to do.
    for (const Connection* const one : except) {
        if (WebSocketConnection* const left_out = member(group, one)) catch_up_quietly(*left_out);
    }
    const std::uint64_t number = queue_.push({.message = message, .group = &group, .from = from, .nested = depth_ > 0});
    for (const Connection* const one : except) {
        if (WebSocketConnection* const left_out = member(group, one)) receivers_.find(*left_out)->reached = number;
    }
    if (!std::exchange(scheduled_, true)) {
        context_.loop->at_turn_end([this] {
            scheduled_ = false;
            flush();
        });
    }
    if (depth_ > 0) return;
    work([] {});
    // The group still exists, for what is in the queue.
    if (group.queued_.wire_bytes >= kMaxGroupBytes || queue_.is_long()) flush();
}

/// Those who are busy get all that they have not got yet, callbacks' publications too.
void FanOut::reach_busy() {
    while (reached_busy_ < queue_.last_number()) reach_busy(++reached_busy_);
}

void FanOut::reach_busy(std::uint64_t number) {
    Group& group = *queue_.at(number).group;
    // The loop's count first: it saves looking at the connections.
    const bool after_remote_sends =
        queue_.at(number).from == From::loop && context_.remote_sends.load(std::memory_order_acquire) != 0;
    if (!after_remote_sends && group.all_idle_at_ == busied_) return;
    const std::uint64_t busied = busied_;
    bool all_idle = true;
    // A handler that publishes of every drop, and thereby drops, would never end.
    defers_drops_ = queue_.at(number).nested;
    receivers_.visit(group, [&](const Receiver& receiver) {
        if (receiver.busy) all_idle = false;
        if (!receiver.busy && !after_remote_sends) return;
        if (receiver.reached < number) reach(*receiver.connection, number, after_remote_sends);
    });
    defers_drops_ = false;
    if (all_idle) group.all_idle_at_ = busied;
}

void FanOut::reach(WebSocketConnection& connection, std::uint64_t number, bool after_remote_sends) {
    const bool behind_remote_sends = after_remote_sends && connection.has_remote_sends();
    if (!behind_remote_sends && !receivers_.find(connection)->busy) return;
    // What other threads have sent goes out between the earlier publications and this one.
    catch_up(connection, number - 1);
    Receiver* const receiver = receivers_.find(connection);
    if (!receiver || receiver->reached >= number) return;
    receiver->reached = number;
    make_busy(*receiver);
    if (!behind_remote_sends) return deliver(number, connection);
    const PreparedMessage message = queue_.at(number).message;
    connection.send(message, {});
}

// -- the end of the turn ---------------------------------------------------------------------------------------------

void FanOut::flush() {
    if (queue_.empty()) return;
    work([this] {
        const std::uint64_t last = queue_.last_number();
        for (std::uint64_t number = queue_.first_number(); number <= last; ++number) {
            Group& group = *queue_.at(number).group;
            if (group.queued_.first == number) flush(group, last);
        }
        queue_.pop(last);
    });
}

void FanOut::flush(Group& group, std::uint64_t last) {
    const bool has_others = queue_.groups() > 1;
    batch_.gather(queue_, group, last);
    receivers_.visit(group, [&](Receiver& receiver) {
        if (receiver.reached >= batch_.last()) return;
        const bool directly = !receiver.busy && receiver.reached < batch_.first() &&
                              !(has_others && is_owed_by_others(receiver, group, last));
        directly ? send(receiver, last) : catch_up(*receiver.connection, last);
    });
    queue_.trim(group, last);
}

bool FanOut::is_owed_by_others(const Receiver& receiver, const Group& group, std::uint64_t last) const noexcept {
    return std::ranges::any_of(receivers_.memberships(*receiver.connection), [&](const Membership& membership) {
        const QueuedPublications& queued = membership.group->queued_;
        return membership.group != &group && queued.first != 0 && queued.first <= last;
    });
}

void FanOut::send(Receiver& receiver, std::uint64_t last) {
    const std::size_t bytes = batch_.sent().wire_bytes;
    if (receiver.room <= bytes && !look_for_room(receiver)) return catch_up(*receiver.connection, last);
    const std::size_t taken = transport::send_now(receiver.descriptor, batch_.pieces());
    receiver.reached = batch_.last();
    if (taken < bytes) return send_rest(receiver, taken);
    receiver.room -= bytes;
    receiver.uncounted += batch_.sent();
}

/// Whether the peer has taken enough of what it was sent for this to stay below the high-water mark.
bool FanOut::look_for_room(Receiver& receiver) {
    const std::size_t bytes = batch_.sent().wire_bytes;
    receiver.connection->count_sent(std::exchange(receiver.uncounted, {}));
    receiver.room = receiver.connection->room_for(bytes);
    return receiver.room > bytes;
}

void FanOut::send_rest(Receiver& receiver, std::size_t taken) {
    WebSocketConnection& connection = *receiver.connection;
    make_busy(receiver);
    connection.count_sent({batch_.sent().messages, batch_.sent().payload_bytes, taken});
    for (std::uint64_t number = batch_.first(); number != 0 && number <= batch_.last();) {
        const Publication& publication = queue_.at(number);
        const Bytes frame = publication.message.encoded()->frame;
        const std::size_t gone = std::min(taken, frame.size());
        taken -= gone;
        if (gone < frame.size()) connection.write_encoded(publication.message, frame.subspan(gone));
        number = publication.next;
    }
}

}  // namespace cryo::connection
