#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include <cryo/bytes.h>

#include "micro/throughput.h"
#include "support/ws_frames.h"
#include "websocket/mask.h"
#include "websocket/message_reader.h"
#include "websocket/utf8.h"

namespace cryo::bench {
namespace {

struct IgnoreMessages final : websocket::MessageReader::Sink {
    bool on_message(websocket::Opcode, std::span<std::byte> payload) override {
        benchmark::DoNotOptimize(payload.data());
        return true;
    }
    bool on_ping(std::span<const std::byte>) override { return true; }
    bool on_pong(std::span<const std::byte>) override { return true; }
    bool on_close(const websocket::CloseFrame&) override { return true; }
};

/// One message in one read, as a client sends it: header, unmasking, the UTF-8 check of a text, the callback.
void websocket_read(benchmark::State& state, std::uint8_t opcode) {
    const std::size_t size = size_argument(state);
    // Unmasked in place, every second round masks again. With this key ASCII stays ASCII, so both are valid text.
    std::string wire = test::frame(opcode, std::string(size, 'p'), {.key = {1, 2, 3, 4}});
    const auto bytes = std::as_writable_bytes(std::span(wire));
    websocket::MessageReader reader(1u << 20);
    IgnoreMessages sink;
    for (auto _ : state) {
        if (reader.consume(bytes, sink).failure) return state.SkipWithError("the reader refused the message");
    }
    report_throughput(state, size);
}
BENCHMARK_CAPTURE(websocket_read, binary, test::kBinary)->ArgName("bytes")->Arg(20)->Arg(16 << 10);
BENCHMARK_CAPTURE(websocket_read, text, test::kText)->ArgName("bytes")->Arg(20)->Arg(16 << 10);

void unmask(benchmark::State& state) {
    const websocket::MaskKey key(std::as_bytes(std::span<const char, 4>("mask", 4)));
    std::vector<std::byte> payload(size_argument(state));
    for (auto _ : state) {
        websocket::apply_mask(payload.data(), payload.data(), payload.size(), key);
        benchmark::ClobberMemory();
    }
    report_throughput(state, payload.size());
}
BENCHMARK(unmask)->ArgName("bytes")->Arg(1 << 10)->Arg(16 << 10);

/// `sample` repeated, and cut behind a whole one.
void utf8_check(benchmark::State& state, std::string_view sample) {
    std::string text;
    while (text.size() + sample.size() <= size_argument(state)) text += sample;
    for (auto _ : state) {
        benchmark::DoNotOptimize(text.data());
        if (!websocket::is_valid_utf8(as_bytes(text))) return state.SkipWithError("the sample is not valid");
    }
    report_throughput(state, text.size());
}
BENCHMARK_CAPTURE(utf8_check, ascii, "plain text ")->ArgName("bytes")->Arg(1 << 10)->Arg(16 << 10);
BENCHMARK_CAPTURE(utf8_check, mixed, "Gr\xc3\xbc\xc3\x9f \xe2\x82\xac\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 ")
    ->ArgName("bytes")
    ->Arg(1 << 10)
    ->Arg(16 << 10);

}  // namespace
}  // namespace cryo::bench
