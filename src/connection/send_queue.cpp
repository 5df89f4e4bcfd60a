#include "connection/send_queue.h"

#include <algorithm>
#include <utility>

#include "connection/prepared_message.h"

namespace cryo::connection {

SendQueue::Item::Item(const OutgoingMessage& message) : kind_(message.kind), dedupe_key_(message.dedupe_key) {
    if (message.prepared) {
        prepared_ = *message.prepared;
        prepared_payload_ = message.payload;
    } else {
        copy_.assign(message.payload.begin(), message.payload.end());
    }
}

SendStatus SendQueue::push(const OutgoingMessage& message, std::vector<Dropped>& dropped) {
    Item item(message);
    if (item.bytes() > limits_.max_queued_bytes) {
        dropped.push_back({std::move(item), DropReason::too_large});
        return SendStatus::too_large;
    }
    if (limits_.drop_policy == DropPolicy::dedupe_latest) {
        if (!item.dedupe_key().empty()) {
            supersede(item, dropped);
        } else if (holds_same(item)) {
            dropped.push_back({std::move(item), DropReason::duplicate});
            return SendStatus::queued;  // the same bytes are on their way already
        }
    }
    if (!fits(item) && limits_.drop_policy == DropPolicy::drop_newest) {
        dropped.push_back({std::move(item), DropReason::queue_full});
        return SendStatus::dropped;
    }
    while (!fits(item)) dropped.push_back({pop_front(), DropReason::queue_full});
    bytes_ += item.bytes();
    items_.push_back(std::move(item));
    return SendStatus::queued;
}

SendQueue::Item SendQueue::pop_front() {
    Item item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.bytes();
    return item;
}

/// The newer message takes its turn at the end, so that it does not overtake what was sent in between.
void SendQueue::supersede(const Item& item, std::vector<Dropped>& dropped) {
    const auto old = std::find_if(items_.begin(), items_.end(), [&](const Item& queued) {
        return queued.kind() == item.kind() && queued.dedupe_key() == item.dedupe_key();
    });
    if (old == items_.end()) return;
    bytes_ -= old->bytes();
    dropped.push_back({std::move(*old), DropReason::duplicate});
    items_.erase(old);
}

bool SendQueue::holds_same(const Item& item) const noexcept {
    return std::any_of(items_.begin(), items_.end(), [&](const Item& queued) {
        return queued.kind() == item.kind() && queued.dedupe_key().empty() &&
               std::ranges::equal(queued.payload(), item.payload());
    });
}

bool SendQueue::fits(const Item& item) const noexcept {
    return bytes_ + item.bytes() <= limits_.max_queued_bytes && items_.size() < limits_.max_queue_count;
}

}  // namespace cryo::connection
