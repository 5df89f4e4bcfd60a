#include <gtest/gtest.h>

#include "support/ws_cases.h"
#include "support/ws_recorder.h"

namespace cryo::test {
namespace {

WsRecorder recorder_for(const WsCase& test) {
    WsRecorder recorder(kCaseMaxMessageBytes);
    if (test.deflate) recorder.enable_inflation();
    return recorder;
}

bool is_small(const WsCase& test) { return test.client_bytes.size() <= (128U << 10); }

TEST(MessageReaderCases, Whole) {
    for (const auto& test : ws_cases()) {
        auto recorder = recorder_for(test);
        recorder.feed(test.client_bytes);
        EXPECT_EQ(recorder.events(), test.expected) << test.name << " " << recorder.failure_reason();
    }
}

TEST(MessageReaderCases, ByteByByte) {
    for (const auto& test : ws_cases()) {
        if (!is_small(test)) continue;
        auto recorder = recorder_for(test);
        for (const char byte : test.client_bytes) recorder.feed({&byte, 1});
        EXPECT_EQ(recorder.events(), test.expected) << test.name << " " << recorder.failure_reason();
    }
}

TEST(MessageReaderCases, AtRandomCuts) {
    for (const auto& test : ws_cases()) {
        for (std::uint32_t seed = 1; seed <= (is_small(test) ? 8U : 2U); ++seed) {
            auto recorder = recorder_for(test);
            recorder.stop_at_random(seed);
            feed_in_pieces(recorder, test.client_bytes, seed);
            EXPECT_EQ(recorder.events(), test.expected) << test.name << ", seed " << seed;
        }
    }
}

TEST(MessageReaderCases, CutOnceAnywhere) {
    for (const auto& test : ws_cases()) {
        if (test.client_bytes.size() > 256) continue;
        for (std::size_t cut = 1; cut < test.client_bytes.size(); ++cut) {
            auto recorder = recorder_for(test);
            recorder.feed(std::string_view(test.client_bytes).substr(0, cut));
            recorder.feed(std::string_view(test.client_bytes).substr(cut));
            EXPECT_EQ(recorder.events(), test.expected) << test.name << ", cut at " << cut;
        }
    }
}

}  // namespace
}  // namespace cryo::test
