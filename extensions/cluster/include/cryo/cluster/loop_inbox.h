#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <cryo/loop.h>
#include <cryo/unique_function.h>

namespace cryo::cluster {

/// What arrives on other threads, on its way to a loop: in order, within a limit, with one task for many items. For
/// implementations of `IPubSub`.
///
/// Thread safety: as marked. Lifetime: shared, and kept by what is under way; `close` cuts it off from its handler.
template <class T>
class LoopInbox : public std::enable_shared_from_this<LoopInbox<T>> {
public:
    /// @param handler called on the loop, for each item; may call `close`
    LoopInbox(LoopPtr loop, std::size_t max_bytes, UniqueFunction<void(T&)> handler)
        : loop_(std::move(loop)), max_bytes_(max_bytes), handler_(std::move(handler)) {}

    /// Any thread. False, and the item destroyed, when more than `max_bytes` would wait or the loop has ended. Items of
    /// 0 bytes always have room.
    bool push(T item, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        if (closed_ || (bytes > 0 && waiting_bytes_ + bytes > max_bytes_)) return false;
        if (!task_posted_ && !loop_->post([self = this->shared_from_this()] { self->drain(); })) return false;
        task_posted_ = true;
        waiting_bytes_ += bytes;
        waiting_.push_back(std::move(item));
        return true;
    }

    /// Throws away what waits, and says how much. Any thread.
    std::size_t clear() {
        std::vector<T> thrown_away;
        {
            const std::lock_guard lock(mutex_);
            thrown_away.swap(waiting_);
            waiting_bytes_ = 0;
        }
        return thrown_away.size();
    }

    /// The handler is not called any more. On the loop's thread, or after it has ended.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        clear();
    }

private:
    void drain() {
        std::vector<T> arrived;
        {
            const std::lock_guard lock(mutex_);
            arrived.swap(waiting_);
            waiting_bytes_ = 0;
            task_posted_ = false;
        }
        for (auto& item : arrived) {
            if (closed_) return;
            handler_(item);
        }
    }

    const LoopPtr loop_;
    const std::size_t max_bytes_;
    UniqueFunction<void(T&)> handler_;
    std::atomic<bool> closed_{false};
    std::mutex mutex_;
    std::vector<T> waiting_;
    std::size_t waiting_bytes_ = 0;
    bool task_posted_ = false;
};

}  // namespace cryo::cluster
