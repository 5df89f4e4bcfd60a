#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include <cryo/options.h>

#include "connection/send_queue.h"

namespace cryo::bench {
namespace {

using connection::SendQueue;

/// Pushes 64-byte messages, no two alike.
class Sender {
public:
    explicit Sender(DropPolicy policy) : limits_{.drop_policy = policy} {}

    void push(std::string_view dedupe_key = {}) {
        ++serial_;
        std::memcpy(payload_.data(), &serial_, sizeof serial_);
        dropped_.clear();
        benchmark::DoNotOptimize(queue_.push({MessageKind::binary, payload_, dedupe_key}, dropped_));
    }
    void pop() { benchmark::DoNotOptimize(queue_.pop_front()); }
    void fill() {
        while (queue_.count() < limits_.max_queue_count) push("key " + std::to_string(serial_));
    }

private:
    Backpressure limits_;
    SendQueue queue_{limits_};
    std::array<std::byte, 64> payload_{};
    std::uint64_t serial_ = 0;
    std::vector<SendQueue::Dropped> dropped_{};
};

void send_queue_push_pop(benchmark::State& state, DropPolicy policy) {
    Sender sender(policy);
    for (auto _ : state) {
        sender.push();
        sender.pop();
    }
}
BENCHMARK_CAPTURE(send_queue_push_pop, drop_oldest, DropPolicy::drop_oldest);
BENCHMARK_CAPTURE(send_queue_push_pop, drop_newest, DropPolicy::drop_newest);
BENCHMARK_CAPTURE(send_queue_push_pop, dedupe_latest, DropPolicy::dedupe_latest);

/// Every push loses a message. With dedupe_latest it is compared to all 1024 that wait before.
void send_queue_push_full(benchmark::State& state, DropPolicy policy) {
    Sender sender(policy);
    sender.fill();
    for (auto _ : state) sender.push();
}
BENCHMARK_CAPTURE(send_queue_push_full, drop_oldest, DropPolicy::drop_oldest);
BENCHMARK_CAPTURE(send_queue_push_full, drop_newest, DropPolicy::drop_newest);
BENCHMARK_CAPTURE(send_queue_push_full, dedupe_latest, DropPolicy::dedupe_latest);

/// The one with the same key is the last of the 1024 that wait.
void send_queue_supersede(benchmark::State& state) {
    Sender sender(DropPolicy::dedupe_latest);
    sender.fill();
    for (auto _ : state) sender.push("key 1023");
}
BENCHMARK(send_queue_supersede);

}  // namespace
}  // namespace cryo::bench
