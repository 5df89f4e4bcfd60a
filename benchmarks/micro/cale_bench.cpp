#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

#include <cryo/protocol/frame.h>

#include "cale/cipher.h"
#include "micro/throughput.h"

namespace cryo::bench {
namespace {

using Header = std::array<std::byte, protocol::kFrameHeaderBytes>;
using Message = std::vector<std::byte>;

constexpr std::array<std::byte, cale::kKeyBytes> kKey{};

void cale_seal(benchmark::State& state) {
    cale::Sealer sealer(kKey);
    const Header header{};
    const Message payload(size_argument(state));
    Message out(header.size() + payload.size() + cale::kOverheadBytes);
    for (auto _ : state) {
        if (!sealer.seal(header, payload, out)) return state.SkipWithError("not sealed");
        benchmark::ClobberMemory();
    }
    report_throughput(state, payload.size());
}
BENCHMARK(cale_seal)->ArgName("bytes")->Arg(64)->Arg(16 << 10);

/// Opened messages are overwritten, and refused a second time: the batch and the opener are made anew, untimed.
void cale_open(benchmark::State& state) {
    constexpr std::size_t kBatch = 128;
    const Message payload(size_argument(state));
    std::vector<Message> sealed(kBatch, Message(sizeof(Header) + payload.size() + cale::kOverheadBytes));
    cale::Sealer sealer(kKey);
    for (auto& message : sealed) {
        if (!sealer.seal(Header{}, payload, message)) return state.SkipWithError("not sealed");
    }

    std::vector<Message> batch;
    std::optional<cale::Opener> opener;
    while (state.KeepRunningBatch(kBatch)) {
        state.PauseTiming();
        batch = sealed;
        opener.emplace(kKey);
        state.ResumeTiming();
        for (auto& message : batch) {
            if (!opener->open(message)) return state.SkipWithError("not opened");
        }
    }
    report_throughput(state, payload.size());
}
BENCHMARK(cale_open)->ArgName("bytes")->Arg(64)->Arg(16 << 10);

}  // namespace
}  // namespace cryo::bench
