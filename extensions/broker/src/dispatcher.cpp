#include "dispatcher.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

namespace cryo::broker {
namespace {

/// Adds up what the own worker and the others answer, on whichever threads.
class Sum {
public:
    explicit Sum(EffectHandler done) : done_(std::move(done)) {}
    ~Sum() {
        if (error_) {
            done_(std::move(*error_));
        } else {
            done_(effect_);
        }
    }
    Sum(const Sum&) = delete;
    Sum& operator=(const Sum&) = delete;

    void add(Result<Effect> part) {
        const std::lock_guard lock(mutex_);
        if (part) {
            effect_.add(*part);
        } else {
            error_ = std::move(part).error();
        }
    }

private:
    std::mutex mutex_;
    EffectHandler done_;
    Effect effect_{};
    std::optional<Error> error_;
};

}  // namespace

/// A change that is in effect for some only is none to rely on.
void Dispatcher::accept_here(Parcel parcel, EffectHandler done) {
    const bool is_change = parcel.changes_something();
    own_->accept(std::move(parcel), [is_change, done = std::move(done)](Result<Effect> effect) mutable {
        if (is_change && effect && !effect->complete) return done(Error{Errc::system, "a change is not in effect"});
        done(std::move(effect));
    });
}

void Dispatcher::send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) {
    const auto own = own_ ? std::ranges::find(workers, own_->id(), &WorkerRoute::id) : workers.end();
    const bool is_mine = own != workers.end();
    if (is_mine) {
        // With one that was killed and had the address that this one has now: that would be itself once more.
        const WorkerRoute mine = *own;
        std::erase_if(workers, [&mine](const WorkerRoute& worker) {
            return worker.id == mine.id || (!mine.address.empty() && worker.address == mine.address);
        });
    }
    if (workers.empty() || !messenger_) {
        if (is_mine) return accept_here(std::move(parcel), std::move(done));
        return done(Effect{});
    }
    if (!is_mine) return messenger_->send(std::move(workers), std::move(parcel), std::move(done));

    auto sum = std::make_shared<Sum>(std::move(done));
    accept_here(parcel, [sum](Result<Effect> part) { sum->add(std::move(part)); });
    messenger_->send(std::move(workers), std::move(parcel), [sum](Result<Effect> part) { sum->add(std::move(part)); });
}

}  // namespace cryo::broker
