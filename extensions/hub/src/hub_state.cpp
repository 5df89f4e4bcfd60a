#include "hub_state.h"

#include <string>

#include <fmt/format.h>

namespace cryo::hub {

void HubState::start(const std::vector<LoopPtr>& loops) {
    for (const LoopPtr& loop : loops) parts_.push_back(std::make_unique<LoopPart>(*this, loop));
    life_.store(Life::running, std::memory_order_release);
}

void HubState::stop() {
    if (life_.exchange(Life::stopped, std::memory_order_acq_rel) != Life::running) return;
    for (const auto& part : parts_) {
        const bool soon = part->loop()->post([state = shared_from_this(), part = part.get()] { part->drop_all(); });
        if (!soon) part->drop_all();
    }
}

const std::vector<std::unique_ptr<LoopPart>>& HubState::parts() const noexcept {
    static const std::vector<std::unique_ptr<LoopPart>> kNone;
    return started() ? parts_ : kNone;
}

LoopPart* HubState::current() const noexcept {
    for (const auto& part : parts()) {
        if (part->loop()->in_loop_thread()) return part.get();
    }
    return nullptr;
}

LoopSet HubState::loops_of(const Audience& audience) const {
    LoopSet loops;
    for (const Target& target : audience.to) {
        switch (target.kind) {
            case Target::Kind::everybody:
                for (const auto& part : parts()) {
                    if (part->counters().subscribers.load(std::memory_order_acquire) > 0) loops.set(part->index());
                }
                break;
            case Target::Kind::topic:
                loops |= directory.loops(Interest::Kind::topic, target.name);
                break;
            case Target::Kind::user:
                loops |= directory.loops(Interest::Kind::user, target.name);
                break;
            case Target::Kind::connection:
                if (const auto place = directory.find_connection(target.name)) loops.set(place->loop);
                break;
        }
    }
    return loops;
}

Result<> HubState::check_ids(std::initializer_list<std::string_view> ids) const {
    for (const std::string_view id : ids) {
        if (id.size() <= options.max_id_bytes) continue;
        return Error{Errc::invalid_argument,
                     fmt::format("a connection id, user or session has up to {} bytes, one has {}",
                                 options.max_id_bytes, id.size())};
    }
    return {};
}

void HubState::tell_interest(Interest::Kind kind, std::string_view name) {
    if (relay) fenced([&] { relay->interest_changed({kind, std::string(name)}); });
}

/// By way of a loop, which tells of what its tasks throw.
void HubState::report(std::exception_ptr error) noexcept {
    try {
        for (const auto& part : parts()) {
            if (part->loop()->post([error] { std::rethrow_exception(error); })) return;
        }
    } catch (...) {  // out of memory: nobody can be told
    }
}

}  // namespace cryo::hub
