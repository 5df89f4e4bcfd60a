#include "asks.h"

#include <algorithm>
#include <utility>

namespace cryo::cluster {

void Asks::start(LoopPtr loop, std::uint64_t first_number) {
    loop_ = std::move(loop);
    next_number_ = first_number;
}

std::uint64_t Asks::begin(std::vector<NodeId> waiting, bool open, Answers started, UniqueFunction<void(Answers)> done) {
    const auto number = next_number_++;
    pending_.emplace(number, Pending{.waiting = std::move(waiting),
                                     .open = open,
                                     .bytes = 0,
                                     .answers = std::move(started),
                                     .done = std::move(done),
                                     .deadline = {}});
    pending_count_.set(pending_.size());
    return number;
}

void Asks::arm(std::uint64_t number, std::chrono::milliseconds timeout) {
    const auto entry = pending_.find(number);
    if (entry == pending_.end()) return;
    if (entry->second.waiting.empty()) return finish(entry, Answers::Why::late);
    entry->second.deadline = loop_->make_timer([this, number] {
        timed_out_.add();
        finish(pending_.find(number), Answers::Why::late);
    });
    entry->second.deadline->start(timeout);
}

void Asks::end_now(Answers answers, UniqueFunction<void(Answers)> done) {
    loop_->post([result = std::move(answers), then = std::move(done)]() mutable { then(std::move(result)); });
}

void Asks::answered(std::uint64_t number, const NodeId& node, Bytes payload) {
    const auto entry = pending_.find(number);
    if (entry == pending_.end()) return;
    auto& pending = entry->second;
    const auto& answers = pending.answers.answers;
    const auto same = [&](const Answers::One& one) { return one.node.name == node.name; };
    if (std::any_of(answers.begin(), answers.end(), same)) return;
    const bool awaited = std::erase(pending.waiting, node) > 0;
    if (!awaited && !pending.open) return;
    pending.bytes += payload.size();
    if (pending.bytes > limits_.answer_bytes) {
        pending.bytes -= payload.size();
        pending.answers.missing.push_back({node.name, Answers::Why::declined});
    } else {
        pending.answers.answers.push_back({node, {payload.begin(), payload.end()}});
    }
    finish_if_complete(entry);
}

void Asks::missing(std::uint64_t number, const NodeId& node, Answers::Why why) {
    const auto entry = pending_.find(number);
    if (entry == pending_.end()) return;
    drop(entry->second, node, why);
    finish_if_complete(entry);
}

void Asks::gone(const NodeId& node) {
    for (auto entry = pending_.begin(); entry != pending_.end();) {
        const auto next = std::next(entry);
        drop(entry->second, node, Answers::Why::gone);
        finish_if_complete(entry);
        entry = next;
    }
}

void Asks::end_all() {
    while (!pending_.empty()) finish(pending_.begin(), Answers::Why::unsent);
}

void Asks::drop(Pending& pending, const NodeId& node, Answers::Why why) {
    if (std::erase(pending.waiting, node) > 0) pending.answers.missing.push_back({node.name, why});
}

/// One that is not armed yet waits for `arm`.
void Asks::finish_if_complete(Entry entry) {
    if (entry->second.waiting.empty() && entry->second.deadline) finish(entry, Answers::Why::late);
}

void Asks::finish(Entry entry, Answers::Why why) {
    if (entry == pending_.end()) return;
    auto pending = std::move(entry->second);
    pending_.erase(entry);
    pending_count_.set(pending_.size());
    for (auto& node : pending.waiting) pending.answers.missing.push_back({std::move(node.name), why});
    end_now(std::move(pending.answers), std::move(pending.done));
}

}  // namespace cryo::cluster
