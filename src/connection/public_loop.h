#pragma once

#include <memory>

#include <cryo/loop.h>

#include "connection/loop_context.h"

namespace cryo::connection {

/// The loop that extensions see: the transport's, with user code fenced, and safe to keep beyond its end.
class PublicLoop final : public Loop {
public:
    explicit PublicLoop(std::shared_ptr<LoopContext> context) noexcept : context_(std::move(context)) {}

    const std::shared_ptr<LoopContext>& context() const noexcept { return context_; }

    std::size_t index() const noexcept override { return context_->index; }
    bool in_loop_thread() const noexcept override { return context_->loop->in_loop_thread(); }
    bool post(UniqueFunction<void()> task) override;
    Clock::time_point now() const noexcept override { return context_->loop->now(); }
    void at_turn_end(UniqueFunction<void()> task) override;
    std::unique_ptr<LoopTimer> make_timer(UniqueFunction<void()> callback) override;
    Result<std::unique_ptr<DescriptorWatch>> watch(int descriptor, DescriptorWatch::Events events,
                                                   UniqueFunction<void(DescriptorWatch::Events)> callback) override;

private:
    std::shared_ptr<LoopContext> context_;
};

}  // namespace cryo::connection
