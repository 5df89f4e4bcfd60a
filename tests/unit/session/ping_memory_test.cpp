#include "session/ping_memory.h"

#include <gtest/gtest.h>

namespace cryo::session {
namespace {

TEST(PingMemory, AnswersAPingAndSwallowsItsEcho) {
    PingMemory memory;
    EXPECT_TRUE(memory.should_answer(5));
    EXPECT_FALSE(memory.should_answer(5));
    EXPECT_TRUE(memory.should_answer(5)) << "one echo, not all that follow";
}

TEST(PingMemory, SwallowsEchoesOfSeveralPingsInFlight) {
    PingMemory memory;
    for (std::uint32_t id = 0; id < 8; ++id) EXPECT_TRUE(memory.should_answer(id));
    for (std::uint32_t id = 0; id < 8; ++id) EXPECT_FALSE(memory.should_answer(id));
    for (std::uint32_t id = 0; id < 8; ++id) EXPECT_TRUE(memory.should_answer(id));
}

TEST(PingMemory, AnswersAClientThatNeverEchoes) {
    PingMemory memory;
    for (std::uint32_t id = 0; id < 1000; ++id) EXPECT_TRUE(memory.should_answer(id));
}

TEST(PingMemory, AnswersEveryOtherPingOfAClientThatAlwaysUsesTheSameId) {
    PingMemory memory;
    int answered = 0;
    for (int i = 0; i < 100; ++i) answered += memory.should_answer(0);
    EXPECT_EQ(answered, 50);
}

}  // namespace
}  // namespace cryo::session
