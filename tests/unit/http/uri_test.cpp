#include "http/uri.h"

#include <gtest/gtest.h>

namespace cryo::http {
namespace {

using Parameters = std::vector<QueryParameter>;

TEST(PercentDecode, DecodesOnce) {
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_EQ(percent_decode("a+b"), "a+b");
    EXPECT_EQ(percent_decode("%41%7a%C3%a9"), "Az\xc3\xa9");
    EXPECT_EQ(percent_decode("%2541"), "%41");
    EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
}

TEST(PercentDecode, RefusesMalformedEscapes) {
    for (const auto* bad : {"%", "a%", "%4", "%4g", "%g4", "%%41", "% 1", "%+1", "%-1", "%0x"}) {
        EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
    }
}

TEST(DecodablePath, RefusesMalformedEscapesAndControlCharacters) {
    EXPECT_TRUE(is_decodable_path("/a%20b/%2f"));
    for (const auto* bad : {"/%", "/a%0", "/%2x", "/%00", "/%0a", "/%7F", "/a\n"})
        EXPECT_FALSE(is_decodable_path(bad)) << bad;
}

TEST(ParseQuery, DecodesNamesAndValues) {
    EXPECT_EQ(parse_query(""), Parameters{});
    EXPECT_EQ(parse_query("a=1&b=2"), (Parameters{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(parse_query("a"), (Parameters{{"a", ""}}));
    EXPECT_EQ(parse_query("a=b=c"), (Parameters{{"a", "b=c"}}));
    EXPECT_EQ(parse_query("=x"), (Parameters{{"", "x"}}));
    EXPECT_EQ(parse_query("&&a=1&"), (Parameters{{"a", "1"}}));
    EXPECT_EQ(parse_query("a+b=c+d%2B%26%3d"), (Parameters{{"a b", "c d+&="}}));
    EXPECT_EQ(parse_query("a=1&a=2"), (Parameters{{"a", "1"}, {"a", "2"}}));
}

TEST(ParseQuery, RefusesMalformedEscapes) {
    EXPECT_EQ(parse_query("a=1&b=%4"), std::nullopt);
    EXPECT_EQ(parse_query("%=1"), std::nullopt);
}

TEST(ParseQuery, BoundsTheNumberOfParameters) {
    std::string query;
    for (std::size_t i = 0; i < kMaxQueryParameters; ++i) query += "a&";
    EXPECT_EQ(parse_query(query)->size(), kMaxQueryParameters);
    EXPECT_EQ(parse_query(query + "b"), std::nullopt);
}

TEST(ParseFilePath, CutsPathsIntoSegments) {
    const auto file = parse_file_path("a%20b/c.txt");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->segments, (std::vector<std::string>{"a b", "c.txt"}));
    EXPECT_FALSE(file->is_directory);
    EXPECT_TRUE(parse_file_path("")->is_directory);
    const auto folder = parse_file_path("a/");
    ASSERT_TRUE(folder);
    EXPECT_TRUE(folder->is_directory);
    EXPECT_EQ(folder->segments, std::vector<std::string>{"a"});
}

TEST(ParseFilePath, RefusesPathTricks) {
    for (const auto* bad :
         {"/",         "//",       "/a",     "a//b",   "a//",       ".",      "..",    "../a", "a/..",  "a/../b",
          "a/./b",     "%2e%2e/a", "%2E.",   ".%2e/a", "a%2fb",     "..%2fa", "a%5cb", "a\\b", "..\\a", "a%00",
          "a%00.html", "a%0a",     ".git/x", ".env",   "a/.hidden", "%",      "a%2",   "a/%zz"}) {
        EXPECT_FALSE(parse_file_path(bad)) << bad;
    }
}

TEST(ParseFilePath, DoesNotDecodeTwice) {
    EXPECT_EQ(parse_file_path("a%252e%252e")->segments, std::vector<std::string>{"a%2e%2e"});
}

}  // namespace
}  // namespace cryo::http
