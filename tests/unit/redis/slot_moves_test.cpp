#include "slot_moves.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cryo::redis {
namespace {

/// Never looked into: only who it is matters.
const Node& node(std::size_t number) {
    alignas(std::max_align_t) static std::byte nodes[4][sizeof(std::max_align_t)];
    return *reinterpret_cast<const Node*>(nodes[number]);
}

Request request(const std::string& name, std::uint16_t slot) { return {.wire = name, .slot = slot}; }

std::string names(const std::vector<Request>& requests) {
    std::string all;
    for (const auto& one : requests) all += one.wire;
    return all;
}

TEST(SlotMoves, HoldsNothingWhenNothingMoves) {
    SlotMoves moves;
    auto one = request("a", 7);
    EXPECT_FALSE(moves.hold(one));
    EXPECT_EQ(one.wire, "a");
    EXPECT_FALSE(moves.settle(node(0), 7));
    EXPECT_TRUE(moves.settle_all(node(0)).empty());
}

TEST(SlotMoves, ReleasesWhatWasBouncedBeforeWhatIsNew) {
    SlotMoves moves;
    moves.bounce(node(0), 7, request("a", 7), 3);  // b and c are still in flight
    EXPECT_FALSE(moves.settle(node(0), 7));
    auto fresh = request("x", 7);
    EXPECT_TRUE(moves.hold(fresh));
    moves.bounce(node(0), 7, request("b", 7), 2);
    EXPECT_FALSE(moves.settle(node(0), 7));
    auto other = request("y", 8);
    EXPECT_FALSE(moves.hold(other)) << "another slot";
    moves.bounce(node(0), 7, request("c", 7), 1);
    const auto released = moves.settle(node(0), 7);
    ASSERT_TRUE(released);
    EXPECT_EQ(names(released->bounced), "abc");
    EXPECT_EQ(names(released->fresh), "x");
    auto later = request("z", 7);
    EXPECT_FALSE(moves.hold(later));
}

TEST(SlotMoves, WaitsForTheNodeThatItMovesFrom) {
    SlotMoves moves;
    moves.bounce(node(0), 7, request("a", 7), 2);
    EXPECT_FALSE(moves.settle(node(0), 7));
    EXPECT_FALSE(moves.settle(node(1), 7)) << "another node's answer";
    EXPECT_FALSE(moves.settle(node(0), 8)) << "another slot's";
    EXPECT_FALSE(moves.settle(node(0), std::nullopt));
    EXPECT_TRUE(moves.settle(node(0), 7)) << "whatever the answer was";
}

TEST(SlotMoves, ALostNodeReleasesAll) {
    SlotMoves moves;
    moves.bounce(node(0), 7, request("a", 7), 5);
    moves.bounce(node(0), 8, request("b", 8), 5);
    moves.bounce(node(1), 9, request("c", 9), 5);
    EXPECT_EQ(moves.settle_all(node(0)).size(), 2u);
    EXPECT_EQ(moves.take_all().size(), 1u);
    EXPECT_TRUE(moves.take_all().empty());
}

}  // namespace
}  // namespace cryo::redis
