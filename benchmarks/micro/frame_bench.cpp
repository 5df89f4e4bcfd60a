#include <array>
#include <cstddef>

#include <benchmark/benchmark.h>

#include <cryo/protocol/frame.h>

namespace cryo::bench {
namespace {

constexpr protocol::FrameHeader kHeader{.ack_id = 42, .type = protocol::FrameType::utf8data};

void frame_parse(benchmark::State& state) {
    std::array<std::byte, protocol::kFrameHeaderBytes + 64> message{};
    protocol::write_header(message.data(), kHeader);
    for (auto _ : state) benchmark::DoNotOptimize(protocol::parse_frame(message));
}
BENCHMARK(frame_parse);

void frame_write_header(benchmark::State& state) {
    std::array<std::byte, protocol::kFrameHeaderBytes> out{};
    for (auto _ : state) {
        protocol::write_header(out.data(), kHeader);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(frame_write_header);

}  // namespace
}  // namespace cryo::bench
