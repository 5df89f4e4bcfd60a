#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>
#include <malloc.h>

#include "support/ws_frames.h"
#include "support/ws_recorder.h"

namespace {

std::atomic<std::size_t> live_bytes = 0;
std::atomic<std::size_t> peak_bytes = 0;

void* counted_allocation(std::size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    live_bytes += malloc_usable_size(memory);
    peak_bytes = std::max<std::size_t>(peak_bytes, live_bytes);
    return memory;
}

void counted_release(void* memory) noexcept {
    if (memory != nullptr) live_bytes -= malloc_usable_size(memory);
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted_allocation(size); }
void* operator new[](std::size_t size) { return counted_allocation(size); }
void operator delete(void* memory) noexcept { counted_release(memory); }
void operator delete[](void* memory) noexcept { counted_release(memory); }
void operator delete(void* memory, std::size_t) noexcept { counted_release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { counted_release(memory); }

namespace cryo::test {
namespace {

using websocket::MessageReader;

struct Ignore final : MessageReader::Sink {
    bool on_message(websocket::Opcode, std::span<std::byte>) override { return true; }
    bool on_ping(std::span<const std::byte>) override { return true; }
    bool on_pong(std::span<const std::byte>) override { return true; }
    bool on_close(const websocket::CloseFrame&) override { return true; }
};

/// Feeds `bytes` and says how much more memory is held behind it than before.
std::size_t held_after(MessageReader& reader, std::string bytes, std::size_t* peak = nullptr) {
    Ignore sink;
    const std::size_t before = live_bytes;
    peak_bytes = before;
    reader.consume(writable_bytes(bytes), sink);
    if (peak != nullptr) *peak = peak_bytes - before;
    return live_bytes - before;
}

TEST(MessageReaderMemory, WholeFramesTakeNone) {
    MessageReader reader(1 << 20);
    std::size_t peak = 0;
    EXPECT_EQ(held_after(reader, frame(kText, std::string(60'000, 'x')) + frame(kPing, "p"), &peak), 0U);
    EXPECT_EQ(peak, 0U);
}

TEST(MessageReaderMemory, NothingIsHeldBehindAMessage) {
    MessageReader reader(1 << 20);
    const auto message = frame(kText, std::string(60'000, 'x'));
    const std::size_t before = live_bytes;
    held_after(reader, message.substr(0, 30'000));
    EXPECT_GT(live_bytes, before);
    held_after(reader, message.substr(30'000));
    EXPECT_EQ(live_bytes, before);

    held_after(reader, fragment(kBinary, "a") + frame(kContinuation, "b"));
    held_after(reader, frame(kPing, "abc").substr(0, 3));
    held_after(reader, frame(kPing, "abc").substr(3));
    EXPECT_EQ(live_bytes, before);
}

TEST(MessageReaderMemory, NothingIsHeldBehindAFailureOrAClose) {
    for (const auto& end : {frame(3, ""), close_frame(1000)}) {
        MessageReader reader(1 << 20);
        reader.enable_inflation({});
        const std::size_t before = live_bytes;
        held_after(reader, fragment(kText, std::string(5000, 'x')) + end);
        EXPECT_LE(live_bytes, before);
    }
}

TEST(MessageReaderMemory, AHeaderAloneReservesNothing) {
    constexpr std::size_t kBookkeeping = 512;
    MessageReader reader(std::size_t{1} << 40);
    const auto header = frame(kBinary, "", {.announced = std::uint64_t{1} << 40});
    EXPECT_LE(held_after(reader, header), kBookkeeping);
    EXPECT_LE(held_after(reader, std::string(1000, 'x')), 2000U + 64U);
}

TEST(MessageReaderMemory, GrowsWithWhatArrived) {
    constexpr std::size_t kBookkeeping = 512 + 4096;  // with what the allocator rounds up to
    MessageReader reader(16U << 20);
    Ignore sink;
    std::string header = frame(kBinary, "", {.announced = 16U << 20});
    std::string piece(1000, 'x');
    const std::size_t before = live_bytes;
    reader.consume(writable_bytes(header), sink);
    for (std::size_t received = 1000; received < 3'000'000; received += 1000) {
        reader.consume(writable_bytes(piece), sink);
        ASSERT_LE(live_bytes - before, 2 * received + kBookkeeping) << received;
    }
}

TEST(MessageReaderMemory, ABombStaysWithinTheLimit) {
    constexpr std::size_t kLimit = 100'000;
    MessageReader reader(kLimit);
    reader.enable_inflation({});
    const auto bomb = compressed_frame(kBinary, ClientDeflater()(std::string(50'000'000, '\0')));
    std::size_t peak = 0;
    held_after(reader, bomb, &peak);
    EXPECT_LE(peak, 2 * kLimit);  // the buffer, and its predecessor while it grows
}

TEST(MessageReaderMemory, WithoutClientContextNoInflateStateIsHeld) {
    MessageReader reader(1 << 20);
    reader.enable_inflation({.client_context_takeover = false});
    EXPECT_EQ(held_after(reader, compressed_frame(kText, ClientDeflater()("Hello"))), 0U);
}

}  // namespace
}  // namespace cryo::test
