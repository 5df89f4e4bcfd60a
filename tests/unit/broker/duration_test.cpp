#include "duration.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

using namespace std::chrono_literals;

TEST(BrokerDuration, ReadsGoDurations) {
    EXPECT_EQ(parse_duration("60s"), 60s);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("1.5h"), 90min);
    EXPECT_EQ(parse_duration("-2us"), -2us);
    EXPECT_EQ(parse_duration("+3\u00b5s"), 3us);
    EXPECT_EQ(parse_duration("3\u03bcs"), 3us);
    EXPECT_EQ(parse_duration("7ns"), 7ns);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_EQ(parse_duration(".5s"), 500ms);
    EXPECT_EQ(parse_duration("1.s"), 1s);
    EXPECT_EQ(parse_duration("1h2m3s4ms5us6ns"), 1h + 2min + 3s + 4ms + 5us + 6ns);
    EXPECT_EQ(parse_duration("0.3333333333333333333333h"), 1199999999999ns);
}

TEST(BrokerDuration, RefusesWhatGoRefuses) {
    for (const auto* text :
         {"", "60", "s", ".", "-", "+", ".s", "1x", "1 s", "1s ", "s1", "1m30", "- 1s", "1,5s", "1S"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(BrokerDuration, RefusesWhatDoesNotFit) {
    EXPECT_NE(parse_duration("2562047h"), std::nullopt);
    EXPECT_EQ(parse_duration("2562048h"), std::nullopt);
    EXPECT_EQ(parse_duration("99999999999999999999s"), std::nullopt);
    EXPECT_EQ(parse_duration("2562047h2562047h"), std::nullopt);
}

}  // namespace
}  // namespace cryo::broker
