#include "time_text.h"

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr sys_seconds at(std::int64_t epoch) { return sys_seconds{seconds{epoch}}; }

TEST(BrokerTime, WritesUtc) {
    EXPECT_EQ(format_time(at(0)), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format_time(at(1'614'556'799)), "2021-02-28T23:59:59Z");
}

TEST(BrokerTime, ReadsAnyOffset) {
    EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), at(0));
    EXPECT_EQ(parse_time("2021-03-01T01:59:59+02:00"), at(1'614'556'799));
    EXPECT_EQ(parse_time("2021-02-28T18:29:59-05:30"), at(1'614'556'799));
    EXPECT_EQ(parse_time("2021-02-28T23:59:59.987654321Z"), at(1'614'556'799));
    EXPECT_EQ(parse_time("2021-02-28t23:59:59z"), at(1'614'556'799));
}

TEST(BrokerTime, RefusesWhatIsNoTime) {
    for (const auto* text :
         {"", "2021", "2021-02-29T00:00:00Z", "2021-13-01T00:00:00Z", "2021-01-01T24:00:00Z", "2021-01-01T00:60:00Z",
          "2021-01-01T00:00:60Z", "2021-01-01T00:00:00", "2021-01-01T00:00:00.Z", "2021-01-01T00:00:00+0200",
          "2021-01-01T00:00:00Zx", "2021-01-01 00:00:00Z", "99999-01-01T00:00:00Z", "-021-01-01T00:00:00Z"}) {
        EXPECT_EQ(parse_time(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace cryo::broker
