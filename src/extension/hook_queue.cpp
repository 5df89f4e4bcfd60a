#include "extension/hook_queue.h"

#include <utility>
#include <variant>

namespace cryo::extension {

/// Tells whether the queue still exists, to decisions that come late and to itself after calling user code. Loop only.
struct HookQueue::Gate {
    HookQueue* queue;
};

class HookQueue::Context final : public HookContext {
public:
    explicit Context(HookQueue& queue) noexcept : session_(queue.session_), gate_(queue.gate_) {}

    Session& session() noexcept override { return session_; }

    Deferred defer() override {
        handed_out_ = true;
        const std::uint64_t ticket = gate_->queue ? ++gate_->queue->ticket_ : 0;
        return Deferred([session = session_.weak_from_this(), gate = gate_, ticket](Deferred::Decision decision) {
            const auto alive = session.lock();
            if (!alive) return;
            alive->post([gate, ticket, decision = std::move(decision)]() mutable {
                if (gate->queue) gate->queue->decide(ticket, std::move(decision));
            });
        });
    }

    bool handed_out() const noexcept { return handed_out_; }

private:
    Session& session_;
    std::shared_ptr<Gate> gate_;
    bool handed_out_ = false;
};

HookQueue::HookQueue(Direction direction, const HookRunner& runner, Session& session, HookSink& sink, HookLimits limits)
    : direction_(direction),
      runner_(runner),
      session_(session),
      sink_(sink),
      limits_(limits),
      gate_(std::make_shared<Gate>(Gate{this})) {}

HookQueue::~HookQueue() { gate_->queue = nullptr; }

SendStatus HookQueue::submit(Message message, std::string_view dedupe_key) {
    if (busy_ || count_ > 0) return wait(std::move(message), dedupe_key);
    const auto gate = gate_;
    busy_ = true;
    Item item{std::move(message), std::string(dedupe_key)};
    const SendStatus status = process(item);
    if (gate->queue) run_waiting();
    return status;
}

SendStatus HookQueue::wait(Message message, std::string_view dedupe_key) {
    const std::size_t bytes = message.bytes().size();
    const bool full = count_ >= limits_.max_count || bytes_ + bytes > limits_.max_bytes;
    if (direction_ == Direction::send && full) {
        sink_.dropped(direction_, {message.kind(), bytes, DropReason::queue_full, dedupe_key});
        return SendStatus::dropped;
    }
    waiting_.push_back({std::move(message), std::string(dedupe_key)});
    ++count_;
    bytes_ += bytes;
    return SendStatus::queued;
}

SendStatus HookQueue::process(Item& item) {
    const auto gate = gate_;
    Context context(*this);
    const Verdict verdict = runner_.run(direction_, context, item.message, item.order);
    if (!gate->queue) return SendStatus::closed;
    if (verdict == Verdict::proceed) return sink_.passed(direction_, item.message, item.dedupe_key);
    if (verdict == Verdict::defer && context.handed_out()) {
        deferred_ = true;
        ++count_;
        bytes_ += item.message.bytes().size();
        waiting_.push_front(std::move(item));
        return SendStatus::queued;
    }
    // `defer` without having asked for the right to decide: nobody ever would.
    return veto(item);
}

/// What became of it nobody waits to be told: an end of the session has to be reported.
void HookQueue::process_waiting(Item item) {
    const MessageKind kind = item.message.kind();
    const std::size_t bytes = item.message.bytes().size();
    const auto [direction, sink] = std::pair(direction_, &sink_);  // the queue may be gone afterwards
    if (process(item) == SendStatus::closed)
        sink->dropped(direction, {kind, bytes, DropReason::closed, item.dedupe_key});
}

SendStatus HookQueue::veto(const Item& item) {
    sink_.dropped(direction_, {item.message.kind(), item.message.bytes().size(), DropReason::vetoed, item.dedupe_key});
    return SendStatus::dropped;
}

void HookQueue::abandon() {
    deferred_ = false;
    while (!waiting_.empty()) {
        const Item item = take_front();
        const Bytes bytes = item.message.bytes();
        sink_.dropped(direction_, {item.message.kind(), bytes.size(), DropReason::closed, item.dedupe_key});
    }
}

HookQueue::Item HookQueue::take_front() {
    Item item = std::move(waiting_.front());
    waiting_.pop_front();
    --count_;
    bytes_ -= item.message.bytes().size();
    return item;
}

void HookQueue::run_waiting() {
    const auto gate = gate_;
    while (!waiting_.empty() && !deferred_) {
        process_waiting(take_front());
        if (!gate->queue) return;
    }
    busy_ = false;
}

void HookQueue::decide(std::uint64_t ticket, Deferred::Decision decision) {
    if (!deferred_ || ticket != ticket_) return;
    const auto gate = gate_;
    const bool was_blocked = blocked();
    busy_ = true;
    deferred_ = false;
    Item item = take_front();
    const MessageKind kind = item.message.kind();
    if (auto* replacement = std::get_if<Message>(&decision.replacement)) item.message = std::move(*replacement);
    if (decision.verdict == Verdict::proceed && HookRunner::is_sound(item.message, kind)) {
        process_waiting(std::move(item));
    } else {
        veto(item);
    }
    if (gate->queue) run_waiting();
    if (gate->queue && was_blocked && !blocked()) sink_.unblocked(direction_);
}

}  // namespace cryo::extension
