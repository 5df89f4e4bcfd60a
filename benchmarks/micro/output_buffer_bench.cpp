#include <array>
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

#include <cryo/bytes.h>

#include "connection/output_buffer.h"
#include "micro/throughput.h"

namespace cryo::bench {
namespace {

/// One turn of the loop: so many frames are appended, then one write takes them all.
void output_buffer_turn(benchmark::State& state) {
    const std::vector<std::byte> frame(size_argument(state, 0));
    const std::size_t frames = size_argument(state, 1);
    connection::OutputBuffer buffer;
    std::array<Bytes, 16> pieces;
    for (auto _ : state) {
        for (std::size_t i = 0; i < frames; ++i) buffer.append(frame);
        benchmark::DoNotOptimize(buffer.gather(pieces));
        buffer.consume(buffer.bytes());
    }
    report_throughput(state, frame.size() * frames);
}
BENCHMARK(output_buffer_turn)->ArgNames({"bytes", "frames"})->Args({64, 1})->Args({64, 64})->Args({16 << 10, 1});

}  // namespace
}  // namespace cryo::bench
