#include "utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

TEST(BrokerUtf8, AcceptsWhatIsValid) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("plain text that is longer than eight bytes"));
    EXPECT_TRUE(is_utf8("\u00e9\u20ac\U0001f600"));
    EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
    EXPECT_TRUE(is_utf8(std::string(1, '\0')));
}

TEST(BrokerUtf8, RefusesWhatIsNot) {
    for (const auto* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xc3", "\xc3(", "\xe2\x82(",
                             "\xf0\x9f\x98(", "eight bytes, then \xfe"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
}

TEST(BrokerUtf8, LooksAtEveryPosition) {
    for (std::size_t length = 0; length < 40; ++length) {
        for (std::size_t at = 0; at < length; ++at) {
            std::string text(length, 'x');
            text[at] = '\xa0';
            EXPECT_FALSE(is_utf8(text)) << length << ' ' << at;
        }
    }
}

}  // namespace
}  // namespace cryo::broker
