#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <benchmark/benchmark.h>

#include <cryo/extension.h>

#include "extension/hook_queue.h"
#include "extension/hook_runner.h"
#include "extension/pipeline.h"
#include "micro/throughput.h"
#include "support/fake_session.h"

namespace cryo::bench {
namespace {

using extension::Direction;

/// Lets every message pass.
class Idle final : public IExtension {
public:
    explicit Idle(std::string name) : name_(std::move(name)) {}
    std::string_view name() const noexcept override { return name_; }

private:
    const std::string name_;
};

/// The way of a text to the peer as in session::SessionHandle: past the hooks when there are none, else as a copy
/// through the queue.
class HookedSession final : public extension::HookSink {
public:
    explicit HookedSession(std::size_t extensions) {
        for (std::size_t i = 0; i < extensions; ++i) {
            hooks_.use(pipeline_.add(std::make_shared<Idle>("idle " + std::to_string(i))).value());
        }
    }

    SendStatus send(std::string_view text) {
        if (hooks_.empty() && (!queue_ || queue_->idle())) return write(as_bytes(text));
        if (!queue_) {
            queue_ = std::make_unique<extension::HookQueue>(Direction::send, hooks_, *session_, *this,
                                                            extension::HookLimits{});
        }
        return queue_->submit(Message(std::string(text)));
    }

private:
    static SendStatus write(Bytes payload) {
        benchmark::DoNotOptimize(payload.data());
        return SendStatus::sent;
    }
    SendStatus passed(Direction, Message& message, std::string_view) override { return write(message.bytes()); }
    void dropped(Direction, const DroppedMessage&) override {}
    void unblocked(Direction) override {}

    extension::Pipeline pipeline_{};
    extension::HookRunner hooks_{nullptr};
    std::shared_ptr<test::FakeSession> session_ = std::make_shared<test::FakeSession>();
    std::unique_ptr<extension::HookQueue> queue_{};
};

void extension_send_text(benchmark::State& state) {
    HookedSession session(size_argument(state, 0));
    const std::string text(size_argument(state, 1), 't');
    for (auto _ : state) benchmark::DoNotOptimize(session.send(text));
}
BENCHMARK(extension_send_text)
    ->ArgNames({"extensions", "bytes"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, 4, 1), {64, 16 << 10}});

}  // namespace
}  // namespace cryo::bench
