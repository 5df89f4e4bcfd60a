#include "rfc3339.h"

#include <gtest/gtest.h>

namespace cryo::auth {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST(Rfc3339, WritesUtc) {
    EXPECT_EQ(format_rfc3339(sys_seconds(seconds(0))), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format_rfc3339(sys_seconds(seconds(1'709'211'599))), "2024-02-29T12:59:59Z");
    EXPECT_EQ(format_rfc3339(sys_seconds(seconds(253'402'300'799))), "9999-12-31T23:59:59Z");
}

TEST(Rfc3339, ReadsWhatItWrites) {
    for (const std::int64_t time : {0LL, 1LL, 951'782'400LL, 1'709'211'599LL, 253'402'300'799LL}) {
        const sys_seconds moment{seconds(time)};
        EXPECT_EQ(parse_rfc3339(format_rfc3339(moment)), moment);
    }
}

TEST(Rfc3339, ReadsOffsetsAndFractions) {
    const sys_seconds noon{seconds(1'709'208'000)};  // 2024-02-29T12:00:00Z
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:00:00+00:00"), noon);
    EXPECT_EQ(parse_rfc3339("2024-02-29T13:30:00+01:30"), noon);
    EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00-12:00"), noon);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:00:00.999999999Z"), noon);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:00:00.5-00:00"), noon);
}

TEST(Rfc3339, RefusesEverythingElse) {
    for (const std::string_view text : {"",
                                        "2024",
                                        "1709208000",
                                        "2024-02-29",
                                        "2024-02-29T12:00:00",
                                        "2024-02-30T12:00:00Z",
                                        "2023-02-29T12:00:00Z",
                                        "2024-13-01T12:00:00Z",
                                        "2024-00-01T12:00:00Z",
                                        "2024-02-29T24:00:00Z",
                                        "2024-02-29T12:60:00Z",
                                        "2024-02-29T12:00:60Z",
                                        "2024-02-29T12:00:00z",
                                        "2024-02-29t12:00:00Z",
                                        "2024-02-29 12:00:00Z",
                                        "2024-02-29T12:00:00.Z",
                                        "2024-02-29T12:00:00+1:00",
                                        "2024-02-29T12:00:00+24:00",
                                        "2024-02-29T12:00:00+0100",
                                        "2024-02-29T12:00:00Zx",
                                        "2024-02-29T12:00:00Z ",
                                        "-024-02-29T12:00:00Z",
                                        "12024-02-29T12:00:00Z"}) {
        EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace cryo::auth
