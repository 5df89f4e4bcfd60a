#include "session/ack_tracker.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace cryo::session {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST(AckTracker, HasNoRoundTripTimeBeforeTheFirstAck) {
    AckTracker tracker(2500ms);
    EXPECT_EQ(tracker.rtt(), std::nullopt);
    tracker.track(0, kStart);
    EXPECT_EQ(tracker.pending(), 1u);
    EXPECT_EQ(tracker.rtt(), std::nullopt);
}

TEST(AckTracker, AveragesWithAWeightOfAFifth) {
    AckTracker tracker(2500ms);
    tracker.track(0, kStart);
    tracker.confirm(0, kStart + 100ms);
    EXPECT_EQ(tracker.rtt(), 100ms);
    tracker.track(1, kStart);
    tracker.confirm(1, kStart + 200ms);
    EXPECT_EQ(tracker.rtt(), 120ms);
    tracker.track(2, kStart);
    tracker.confirm(2, kStart + 20ms);
    EXPECT_EQ(tracker.rtt(), 100ms);
}

TEST(AckTracker, IgnoresUnknownAndRepeatedAcks) {
    AckTracker tracker(2500ms);
    tracker.confirm(0, kStart);
    tracker.track(7, kStart);
    for (const std::uint32_t id : {0u, 6u, 8u, 0xffffffffu}) tracker.confirm(id, kStart + 1ms);
    EXPECT_EQ(tracker.pending(), 1u);
    tracker.confirm(7, kStart + 1ms);
    tracker.confirm(7, kStart + 2s);
    EXPECT_EQ(tracker.pending(), 0u);
    EXPECT_EQ(tracker.rtt(), 1ms);
}

TEST(AckTracker, ForgetsAndCountsAfterTheTimeout) {
    AckTracker tracker(2500ms);
    tracker.track(0, kStart);
    tracker.track(1, kStart + 1s);
    tracker.expire(kStart + 2499ms);
    EXPECT_EQ(tracker.timeouts(), 0u);
    tracker.expire(kStart + 2500ms);
    EXPECT_EQ(tracker.timeouts(), 1u);
    EXPECT_EQ(tracker.pending(), 1u);
    tracker.confirm(0, kStart + 2501ms);
    EXPECT_EQ(tracker.rtt(), std::nullopt) << "an ack that comes too late is unknown";
    tracker.confirm(1, kStart + 4s);
    EXPECT_EQ(tracker.rtt(), std::nullopt);
    EXPECT_EQ(tracker.timeouts(), 2u);
}

TEST(AckTracker, PingsBetweenTheMessagesAreNotAwaited) {
    AckTracker tracker(2500ms);
    tracker.track(3, kStart);
    tracker.track(10, kStart);
    EXPECT_EQ(tracker.pending(), 2u);
    for (std::uint32_t id = 4; id < 10; ++id) tracker.confirm(id, kStart + 5ms);
    EXPECT_EQ(tracker.pending(), 2u);
    tracker.confirm(3, kStart + 1ms);
    tracker.expire(kStart + 3s);
    EXPECT_EQ(tracker.timeouts(), 1u);
    EXPECT_EQ(tracker.pending(), 0u);
}

TEST(AckTracker, FollowsTheIdsAroundTheirEnd) {
    AckTracker tracker(2500ms);
    for (std::uint32_t i = 0; i < 100; ++i) tracker.track(0xffffffc0u + i, kStart);
    EXPECT_EQ(tracker.pending(), 100u);
    for (std::uint32_t i = 100; i-- > 0;) tracker.confirm(0xffffffc0u + i, kStart + 1ms);
    EXPECT_EQ(tracker.pending(), 0u);
    EXPECT_EQ(tracker.timeouts(), 0u);
}

TEST(AckTracker, IsBounded) {
    AckTracker tracker(2500ms);
    const auto count = static_cast<std::uint32_t>(AckTracker::kMaxPending);
    for (std::uint32_t id = 0; id < count + 10; ++id) tracker.track(id, kStart);
    EXPECT_EQ(tracker.pending(), AckTracker::kMaxPending);
    EXPECT_EQ(tracker.timeouts(), 10u);
    tracker.track(0x80000000u, kStart);  // two thousand million pings later
    EXPECT_EQ(tracker.pending(), 1u);
    EXPECT_EQ(tracker.timeouts(), count + 10u);
}

TEST(AckTracker, ReleasesItsMemoryWhenIdle) {
    AckTracker tracker(2500ms);
    tracker.track(0, kStart);
    tracker.release_idle_memory();
    tracker.confirm(0, kStart);
    tracker.release_idle_memory();
    tracker.track(1, kStart);
    tracker.confirm(1, kStart);
    EXPECT_EQ(tracker.pending(), 0u);
}

TEST(AckTracker, AgreesWithAMapOfEverythingSent) {
    std::mt19937 engine(3);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    AckTracker tracker(50ms);
    std::map<std::uint32_t, TimePoint> model;
    std::uint64_t timeouts = 0;
    std::uint32_t next_id = 0xfffffff0u;
    TimePoint now = kStart;
    const auto expire = [&] {
        timeouts += std::erase_if(model, [&](const auto& sent) { return now - sent.second >= 50ms; });
    };
    for (int i = 0; i < 50'000; ++i) {
        now += std::chrono::milliseconds(random() % 3);
        expire();
        if (random() % 2) {
            next_id += random() % 4 == 0 ? random() % 5 : 0;
            tracker.track(next_id, now);
            model[next_id++] = now;
        } else {
            const std::uint32_t id = next_id - random() % 60;
            tracker.confirm(id, now);
            model.erase(id);
        }
        ASSERT_EQ(tracker.pending(), model.size());
        ASSERT_EQ(tracker.timeouts(), timeouts);
        if (random() % 100 == 0) tracker.release_idle_memory();
    }
}

}  // namespace
}  // namespace cryo::session
