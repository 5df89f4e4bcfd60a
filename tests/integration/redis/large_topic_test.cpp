// A topic with more receivers than most things in Redis may have at once.
#include <algorithm>

#include <gtest/gtest.h>

#include "integration/cluster/hub_node.h"
#include "redis_backend.h"

namespace cryo::test {
namespace {

using hub::Outcome;
using hub::Target;

TEST(RedisHub, ATopicMayHaveMoreThanTenThousandReceivers) {
    constexpr std::size_t kEach = 6'000;
    const RedisServer server;
    HubNode a(quick_bus("a"), connect_redis(RedisKind::single, server.port()));
    HubNode b(quick_bus("b"), connect_redis(RedisKind::single, server.port()));
    ASSERT_TRUE(eventually([&] {
        return a.connected() && b.connected() && a.bus().members().size() == 1 && b.bus().members().size() == 1;
    }));
    const auto here = a.attach_many(kEach, {"t"}), there = b.attach_many(kEach, {"t"});

    EXPECT_EQ(a.publish_and_wait(Target::topic("t"), "x"), (Outcome{2 * kEach, true}));
    const auto got_it = [](const HubNode::Peer& peer) { return peer.got() == std::vector<std::string>{"x"}; };
    EXPECT_TRUE(std::ranges::all_of(here, got_it));
    EXPECT_TRUE(std::ranges::all_of(there, got_it));
    EXPECT_EQ(b.count(Target::topic("t")), (Outcome{2 * kEach, true}));
    const auto listing = a.list(Target::topic("t"));
    EXPECT_TRUE(listing.complete);
    EXPECT_FALSE(listing.truncated);
    EXPECT_EQ(listing.subscribers.size(), 2 * kEach);
    EXPECT_EQ(a.change({.audience = Target::topic("t"), .topics = {"u"}}), (Outcome{2 * kEach, true}));
    EXPECT_EQ(b.publish_and_wait(Target::topic("u"), "y"), (Outcome{2 * kEach, true}));
    EXPECT_EQ(b.disconnect(Target::topic("u"), 4001), (Outcome{2 * kEach, true}));
}

}  // namespace
}  // namespace cryo::test
