#include "sequence.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::cluster {
namespace {

using Verdict = ReceiveSequence::Verdict;

TEST(SendSequence, CountsOverAllChannelsAndLooksBackOnEach) {
    SendSequence sent;
    EXPECT_EQ(sent.next("a").back, 0u);
    EXPECT_EQ(sent.next("b").back, 0u);
    const auto stamp = sent.next("a");
    EXPECT_EQ(stamp.sequence, 3u);
    EXPECT_EQ(stamp.back, 2u);
    EXPECT_EQ(sent.next("a").back, 1u);
}

TEST(SendSequence, ANewLifeBeginsAtOne) {
    SendSequence sent;
    sent.next("a");
    sent.next("a");
    sent.restart();
    const auto stamp = sent.next("a");
    EXPECT_EQ(stamp.sequence, 1u);
    EXPECT_EQ(stamp.back, 0u);
}

TEST(SendSequence, MemoryOfManyChannelsIsNeverWrong) {
    SendSequence sent;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 100'000; ++i) {
            const auto stamp = sent.next("topic-" + std::to_string(i));
            EXPECT_TRUE(stamp.back == 0 || (round == 1 && stamp.back == 100'000)) << i;
        }
    }
}

TEST(ReceiveSequence, TellsDuplicatesAndGaps) {
    ReceiveSequence received;
    EXPECT_EQ(received.take(1, 7, 3), Verdict::in_order);  // the first: nothing to compare with
    EXPECT_EQ(received.take(1, 9, 2), Verdict::in_order);
    EXPECT_EQ(received.take(1, 9, 2), Verdict::duplicate);
    EXPECT_EQ(received.take(1, 7, 3), Verdict::duplicate);
    EXPECT_EQ(received.take(1, 20, 5), Verdict::after_gap);  // 15 is missing
    EXPECT_EQ(received.take(1, 21, 0), Verdict::in_order);   // the sender does not remember
    EXPECT_EQ(received.take(2, 1, 0), Verdict::in_order);    // another sender
}

TEST(ReceiveSequence, ForgetsLivesThatAreOver) {
    ReceiveSequence received;
    received.take(1, 1, 0);
    received.take(2, 1, 0);
    received.forget_if([](std::uint32_t life) { return life == 1; });
    EXPECT_EQ(received.size(), 1u);
    EXPECT_EQ(received.take(2, 1, 0), Verdict::duplicate);
}

TEST(SequencePair, WhatIsLostOnOneChannelIsAGapThereOnly) {
    SendSequence sent;
    ReceiveSequence a, b;
    const auto take = [&](ReceiveSequence& received, std::string_view channel) {
        const auto stamp = sent.next(channel);
        return received.take(1, stamp.sequence, stamp.back);
    };
    EXPECT_EQ(take(a, "a"), Verdict::in_order);
    EXPECT_EQ(take(b, "b"), Verdict::in_order);
    sent.next("a");  // lost
    EXPECT_EQ(take(b, "b"), Verdict::in_order);
    EXPECT_EQ(take(a, "a"), Verdict::after_gap);
    EXPECT_EQ(take(a, "a"), Verdict::in_order);
}

}  // namespace
}  // namespace cryo::cluster
