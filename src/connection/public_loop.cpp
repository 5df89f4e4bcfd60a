#include "connection/public_loop.h"

#include <utility>

#include "transport/watch.h"

namespace cryo::connection {

namespace {

class PublicTimer final : public LoopTimer, private transport::Timer {
public:
    PublicTimer(std::shared_ptr<LoopContext> context, UniqueFunction<void()> callback)
        : context_(std::move(context)), callback_(std::make_shared<UniqueFunction<void()>>(std::move(callback))) {}

    void start(std::chrono::milliseconds delay) override {
        if (!context_->loop->ended()) context_->loop->timers().start(*this, delay);
    }
    void cancel() noexcept override { Timer::cancel(); }
    bool armed() const noexcept override { return Timer::armed(); }

private:
    void on_timeout() noexcept override {
        const auto callback = callback_;  // it may destroy the timer, and must not be destroyed by that itself
        context_->fenced("timer", *callback);
    }

    std::shared_ptr<LoopContext> context_;
    std::shared_ptr<UniqueFunction<void()>> callback_;
};

}  // namespace

// What waits in the loop refers to the context it is part of, and must not keep it alive.

bool PublicLoop::post(UniqueFunction<void()> task) {
    return context_->loop->post(
        [context = context_.get(), task = std::move(task)]() mutable { context->fenced("post", task); });
}

void PublicLoop::at_turn_end(UniqueFunction<void()> task) {
    context_->loop->at_turn_end(
        [context = context_.get(), task = std::move(task)]() mutable { context->fenced("at_turn_end", task); });
}

std::unique_ptr<LoopTimer> PublicLoop::make_timer(UniqueFunction<void()> callback) {
    return std::make_unique<PublicTimer>(context_, std::move(callback));
}

Result<std::unique_ptr<DescriptorWatch>> PublicLoop::watch(int descriptor, DescriptorWatch::Events events,
                                                           UniqueFunction<void(DescriptorWatch::Events)> callback) {
    return transport::Watch::create(
        *context_->loop, descriptor, events,
        [context = context_.get(), callback = std::move(callback)](DescriptorWatch::Events ready) mutable {
            context->fenced("descriptor watch", [&] { callback(ready); });
        });
}

}  // namespace cryo::connection
