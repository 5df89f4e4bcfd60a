#include "websocket/message_reader.h"

#include <gtest/gtest.h>

#include "support/ws_recorder.h"

namespace cryo::test {
namespace {

using websocket::CloseFrame;
using websocket::MessageReader;
using websocket::Opcode;

/// Remembers where payloads were, and stops when told to.
struct Probe final : MessageReader::Sink {
    bool on_message(Opcode, std::span<std::byte> payload) override { return note(payload); }
    bool on_ping(std::span<const std::byte> payload) override { return note(payload); }
    bool on_pong(std::span<const std::byte> payload) override { return note(payload); }
    bool on_close(const CloseFrame&) override { return note({}); }

    bool note(std::span<const std::byte> payload) {
        last = payload.data();
        ++calls;
        return go_on;
    }

    const std::byte* last = nullptr;
    int calls = 0;
    bool go_on = true;
};

std::vector<WsEvent> events_of(std::string_view bytes, std::size_t max_message_bytes, bool deflate = false) {
    WsRecorder recorder(max_message_bytes);
    if (deflate) recorder.enable_inflation();
    recorder.feed(bytes);
    return recorder.events();
}

TEST(MessageReader, IsSmall) { EXPECT_LE(sizeof(MessageReader), 32U); }

TEST(MessageReader, HandsOutWholeFramesInPlace) {
    MessageReader reader(1000);
    Probe probe;
    auto bytes = frame(kText, "Hello") + frame(kPing, "p");
    const auto data = writable_bytes(bytes);

    EXPECT_EQ(reader.consume(data, probe).consumed, data.size());
    EXPECT_EQ(probe.calls, 2);
    EXPECT_EQ(probe.last, data.data() + data.size() - 1);
}

TEST(MessageReader, StopsBehindTheFrameACallbackRefusesToGoBeyond) {
    MessageReader reader(1000);
    Probe probe;
    probe.go_on = false;
    auto bytes = frame(kText, "one") + fragment(kText, "t") + frame(kContinuation, "wo") + frame(kPing, "");
    auto data = writable_bytes(bytes);
    const std::size_t first = frame(kText, "one").size();
    const std::size_t second = data.size() - first - frame(kPing, "").size();

    EXPECT_EQ(reader.consume(data, probe).consumed, first);
    data = data.subspan(first);
    EXPECT_EQ(reader.consume(data, probe).consumed, second);
    data = data.subspan(second);
    EXPECT_EQ(reader.consume(data, probe).consumed, data.size());
    EXPECT_EQ(probe.calls, 3);
}

TEST(MessageReader, ConsumesNothingBehindAFailure) {
    MessageReader reader(1000);
    Probe probe;
    auto bad = frame(kText, "x", {.masked = false});
    ASSERT_TRUE(reader.consume(writable_bytes(bad), probe).failure);

    auto good = frame(kText, "x");
    const auto result = reader.consume(writable_bytes(good), probe);
    EXPECT_EQ(result.consumed, 0U);
    EXPECT_FALSE(result.failure);
    EXPECT_EQ(probe.calls, 0);
}

TEST(MessageReader, ConsumesNothingBehindAClose) {
    MessageReader reader(1000);
    Probe probe;
    auto bytes = close_frame(1000) + frame(kText, "x");
    EXPECT_EQ(reader.consume(writable_bytes(bytes), probe).consumed, close_frame(1000).size());

    auto more = frame(kText, "x");
    EXPECT_EQ(reader.consume(writable_bytes(more), probe).consumed, 0U);
    EXPECT_EQ(probe.calls, 1);
}

TEST(MessageReader, GivesReasonsThatFitACloseFrame) {
    for (const auto& test : ws_cases()) {
        if (test.expected.back().kind != WsEvent::Kind::failure || test.client_bytes.size() > 1000) continue;
        WsRecorder recorder(kCaseMaxMessageBytes);
        if (test.deflate) recorder.enable_inflation();
        recorder.feed(test.client_bytes);
        EXPECT_FALSE(recorder.failure_reason().empty()) << test.name;
        EXPECT_LE(recorder.failure_reason().size(), 123U) << test.name;
    }
}

TEST(MessageReader, LimitIsInclusive) {
    const std::string ten(10, 'x');
    EXPECT_EQ(events_of(frame(kText, ten), 10), std::vector{text(ten)});
    EXPECT_EQ(events_of(frame(kText, ten + "x"), 10), std::vector{failure(1009)});
    EXPECT_EQ(events_of(fragment(kText, "12345") + frame(kContinuation, "67890"), 10), std::vector{text("1234567890")});
    EXPECT_EQ(events_of(fragment(kText, "12345") + frame(kContinuation, "678901"), 10), std::vector{failure(1009)});
}

TEST(MessageReader, LimitOfZeroAllowsEmptyMessages) {
    EXPECT_EQ(events_of(frame(kText, ""), 0), std::vector{text("")});
    EXPECT_EQ(events_of(frame(kText, "x"), 0), std::vector{failure(1009)});
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()("")), 0, true), std::vector{text("")});
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()("x")), 0, true), std::vector{failure(1009)});
}

TEST(MessageReader, LimitDoesNotApplyToControlFrames) {
    EXPECT_EQ(events_of(frame(kPing, "longer than two"), 2), std::vector{ping("longer than two")});
}

TEST(MessageReader, LimitsTheInflatedSize) {
    const std::string limit(1000, 'x');
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()(limit)), 1000, true), std::vector{text(limit)});
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()(limit + "x")), 1000, true),
              std::vector{failure(1009)});
    // What does not compress may be longer on the wire than the limit.
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater(15, 0)(limit)), 1000, true), std::vector{text(limit)});
}

TEST(MessageReader, JudgesUtf8BeforeTheInflatedSize) {
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()("ab\xff" + std::string(5000, 'x'))), 100, true),
              std::vector{failure(1007)});
    EXPECT_EQ(events_of(compressed_frame(kText, ClientDeflater()(std::string(5000, 'x') + "\xff")), 100, true),
              std::vector{failure(1009)});
}

TEST(MessageReader, WithoutClientContextEachMessageStandsAlone) {
    WsRecorder recorder;
    recorder.enable_inflation({.client_context_takeover = false});
    ClientDeflater deflater;
    recorder.feed(compressed_frame(kText, deflater("the same words")));
    recorder.feed(compressed_frame(kText, deflater("the same words")));  // refers to the first
    EXPECT_EQ(recorder.events(), (std::vector{text("the same words"), failure(1007)}));
}

TEST(MessageReader, RefusesReferencesBeyondTheWindowAgreedOn) {
    // The second message repeats the beginning of the first, 2,000 bytes ago: beyond a window of 9 bits.
    std::string first = "sixteen letters!";
    std::mt19937 random(1);
    while (first.size() < 2000) first += static_cast<char>(random());

    for (const int bits : {9, 15}) {
        WsRecorder recorder;
        recorder.enable_inflation({.client_max_window_bits = bits});
        ClientDeflater deflater(15);
        recorder.feed(compressed_frame(kBinary, deflater(first)));
        recorder.feed(compressed_frame(kBinary, deflater("sixteen letters!")));
        const auto second = bits == 9 ? failure(1007) : binary("sixteen letters!");
        EXPECT_EQ(recorder.events(), (std::vector{binary(first), second})) << bits;
    }
}

}  // namespace
}  // namespace cryo::test
