#include <string>

#include <gtest/gtest.h>

#include <cryo/redis/client.h>

#include "slot_map.h"

namespace cryo::redis {
namespace {

Reply text(std::string_view value) { return Reply(std::string(value)); }

Reply list(std::vector<Reply> elements) { return Reply(std::move(elements)); }

// As CLUSTER KEYSLOT of a real server says.
TEST(Slots, AreThoseOfTheServer) {
    EXPECT_EQ(slot_of_key("123456789"), 0x31c3 % 16384);
    EXPECT_EQ(slot_of_key(""), 0);
    EXPECT_EQ(slot_of_key("foo"), 12182);
    EXPECT_EQ(slot_of_key("bar"), 5061);
    EXPECT_EQ(slot_of_key("hello"), 866);
    EXPECT_EQ(slot_of_key(std::string_view("\0\xff", 2)), slot_of_key(std::string_view("\0\xff", 2)));
}

TEST(Slots, TakeTheHashTagOnly) {
    EXPECT_EQ(slot_of_key("{user1000}.following"), slot_of_key("user1000"));
    EXPECT_EQ(slot_of_key("{user1000}.followers"), slot_of_key("user1000"));
    EXPECT_EQ(slot_of_key("x{foo}{bar}"), slot_of_key("foo"));
    EXPECT_EQ(slot_of_key("foo{{bar}}zap"), slot_of_key("{bar"));
    EXPECT_NE(slot_of_key("foo{}{bar}"), slot_of_key("bar"));
    EXPECT_NE(slot_of_key("foo{}{bar}"), slot_of_key(""));
    EXPECT_NE(slot_of_key("foo{bar"), slot_of_key("bar"));
    EXPECT_NE(slot_of_key("foo}bar{"), slot_of_key(""));
}

TEST(SlotMap, ReadsRangesWithTheirMasters) {
    const Reply replica = list({text("10.0.0.9"), Reply(7009), text("id9")});
    const Reply reply =
        list({list({Reply(0), Reply(5460), list({text("10.0.0.1"), Reply(7001), text("id1")}), replica}),
              list({Reply(5461), Reply(16383), list({text("redis.example"), Reply(7002)})})});
    const auto ranges = parse_slots(reply, "asked");
    ASSERT_TRUE(ranges);
    const std::vector<SlotRange> expected{{0, 5460, {"10.0.0.1", 7001}}, {5461, 16383, {"redis.example", 7002}}};
    EXPECT_EQ(ranges.value(), expected);
}

TEST(SlotMap, TakesTheAskedHostWhereNoneIsNamed) {
    const Reply reply = list({list({Reply(1), Reply(1), list({text(""), Reply(7001)})}),
                              list({Reply(2), Reply(2), list({Reply(), Reply(7002)})}),
                              list({Reply(3), Reply(3), list({text("?"), Reply(7003)})})});
    const auto ranges = parse_slots(reply, "asked");
    ASSERT_TRUE(ranges);
    const std::vector<SlotRange> expected{{1, 1, {"asked", 7001}}, {2, 2, {"asked", 7002}}};
    EXPECT_EQ(ranges.value(), expected);
}

TEST(SlotMap, LeavesOutWhatCannotBe) {
    const Reply node = list({text("h"), Reply(1)});
    for (const auto& entry :
         {text("x"), list({}), list({Reply(-1), Reply(5), node}), list({Reply(0), Reply(16384), node}),
          list({Reply(5), Reply(4), node}), list({Reply(0), Reply(1)}), list({Reply(0), Reply(1), text("h")}),
          list({Reply(0), Reply(1), list({text("h"), Reply(0)})}),
          list({Reply(0), Reply(1), list({text("h"), Reply(65536)})}),
          list({Reply(0), Reply(1), list({text(std::string(256, 'h')), Reply(1)})})}) {
        const auto ranges = parse_slots(list({entry}), "asked");
        ASSERT_TRUE(ranges);
        EXPECT_TRUE(ranges.value().empty());
    }
    EXPECT_FALSE(parse_slots(text("OK"), "asked"));
    EXPECT_FALSE(parse_slots(Reply(), "asked"));
}

TEST(SlotMap, ReadsRedirections) {
    const auto moved = parse_redirect("MOVED 3999 127.0.0.1:6381");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(moved->to, (Address{"127.0.0.1", 6381}));
    EXPECT_FALSE(moved->ask);
    const auto ask = parse_redirect("ASK 0 ::1:7000");
    ASSERT_TRUE(ask);
    EXPECT_EQ(ask->to, (Address{"::1", 7000}));
    EXPECT_TRUE(ask->ask);
    const auto unnamed = parse_redirect("MOVED 1 :7000");
    ASSERT_TRUE(unnamed);
    EXPECT_EQ(unnamed->to, (Address{"", 7000}));
}

TEST(SlotMap, RefusesWhatIsNoRedirection) {
    for (const std::string_view error :
         {"", "MOVED", "MOVED 1", "MOVED x h:1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED 1 h",
          "MOVED 1 h:", "MOVED 1 h:0", "MOVED 1 h:65536", "MOVED 1 h:1x", "ERR MOVED 1 h:1", "ASKING 1 h:1"}) {
        EXPECT_FALSE(parse_redirect(error)) << error;
    }
    EXPECT_FALSE(parse_redirect("MOVED 1 " + std::string(256, 'h') + ":1"));
}

}  // namespace
}  // namespace cryo::redis
