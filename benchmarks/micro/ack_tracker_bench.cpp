#include <chrono>
#include <cstdint>

#include <benchmark/benchmark.h>

#include "micro/throughput.h"
#include "session/ack_tracker.h"

namespace cryo::bench {
namespace {

using std::chrono::milliseconds;

/// A frame is sent and the oldest of those in flight is acknowledged.
void ack_track_confirm(benchmark::State& state) {
    const auto in_flight = static_cast<std::uint32_t>(size_argument(state));
    const session::TimePoint now{std::chrono::hours(1)};
    session::AckTracker tracker{milliseconds(2500)};
    std::uint32_t next_id = 1;
    while (next_id < in_flight) tracker.track(next_id++, now);
    for (auto _ : state) {
        tracker.track(next_id, now);
        tracker.confirm(++next_id - in_flight, now);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(ack_track_confirm)->ArgName("in_flight")->Arg(1)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace cryo::bench
