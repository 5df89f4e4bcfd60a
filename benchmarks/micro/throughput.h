#pragma once

#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

namespace cryo::bench {

/// Has the report say how many bytes a second went through, at `bytes` an iteration.
inline void report_throughput(benchmark::State& state, std::size_t bytes) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

/// The benchmark's argument `index`, as a size.
inline std::size_t size_argument(const benchmark::State& state, std::size_t index = 0) {
    return static_cast<std::size_t>(state.range(index));
}

}  // namespace cryo::bench
