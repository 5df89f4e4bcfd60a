#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <utility>

#include <cryo/extension.h>

namespace cryo::server {

/// Counts the `StopHold`s of a server, which its loops wait for before they end. Holds may outlive it. Any thread.
class StopHolds {
public:
    struct Taken {
        StopHold hold;
        std::shared_future<void> gone;
    };

    Taken take() {
        std::promise<void> gone;
        auto released = gone.get_future().share();
        count_->fetch_add(1);
        return {StopHold([count = count_, gone = std::move(gone)]() mutable {
                    count->fetch_sub(1);
                    gone.set_value();
                }),
                std::move(released)};
    }
    bool any() const noexcept { return *count_ > 0; }

private:
    std::shared_ptr<std::atomic<std::size_t>> count_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace cryo::server
