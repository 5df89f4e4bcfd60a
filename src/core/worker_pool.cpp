#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <cryo/worker_pool.h>

namespace cryo {

struct WorkerPool::Impl {
    const std::size_t max_queued;
    std::mutex mutex{};
    std::condition_variable changed{};
    std::deque<UniqueFunction<void()>> queue{};
    bool stopping = false;
    std::vector<std::thread> threads{};

    void work() {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [this] { return stopping || !queue.empty(); });
            if (queue.empty()) return;
            auto task = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            try {
                task();
            } catch (...) {  // documented: a task reports through what it captured
            }
            task = nullptr;  // what it captured is destroyed here, not under the lock
            lock.lock();
        }
    }

    void stop() noexcept {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        changed.notify_all();
        for (auto& thread : threads) thread.join();
    }
};

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : impl_(new Impl{.max_queued = max_queued}) {
    try {
        for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
            impl_->threads.emplace_back(&Impl::work, impl_.get());
        }
    } catch (...) {
        impl_->stop();
        throw;
    }
}

WorkerPool::~WorkerPool() { impl_->stop(); }

bool WorkerPool::submit(UniqueFunction<void()> task) {
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->queue.size() >= impl_->max_queued) return false;
        impl_->queue.push_back(std::move(task));
    }
    impl_->changed.notify_one();
    return true;
}

}  // namespace cryo
