#include "token_json.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cryo::auth {
namespace {

std::string problem_of(std::string_view text, int max_depth = 16) {
    auto parsed = parse_json_object(text, max_depth);
    return parsed ? "none" : parsed.error().message;
}

TEST(TokenJson, KeepsTypesAndOrder) {
    auto json = parse_json_object(R"({"b":1,"a":1.0,"c":"1","d":null,"e":[true,{}]})", 3);
    ASSERT_TRUE(json);
    EXPECT_EQ(json->dump(), R"({"b":1,"a":1.0,"c":"1","d":null,"e":[true,{}]})");
}

TEST(TokenJson, RefusesWhatIsNoObject) {
    for (const std::string_view text : {"[]", "1", "\"a\"", "null", "true"}) {
        EXPECT_EQ(problem_of(text), "is not a JSON object") << text;
    }
}

TEST(TokenJson, RefusesWhatIsNoJson) {
    for (const std::string_view text :
         {"", " ", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{} x", "{}{}", "{\"a\":NaN}",
          "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}", "{\"a\":1e999}"}) {
        EXPECT_EQ(problem_of(text), "is not JSON") << text;
    }
    EXPECT_EQ(problem_of(std::string_view("{}\0{}", 5)), "is not JSON");
}

TEST(TokenJson, RefusesANameTwiceAtAnyDepth) {
    EXPECT_EQ(problem_of(R"({"a":1,"b":2,"a":1})"), "has a name twice");
    EXPECT_EQ(problem_of(R"({"a":1,"\u0061":2})"), "has a name twice");
    EXPECT_EQ(problem_of(R"({"x":[{"y":{"a":1,"a":2}}]})"), "has a name twice");
    EXPECT_EQ(problem_of(R"({"a":{"a":{"a":1}},"b":{"a":1}})"), "none");
}

TEST(TokenJson, CountsTheDepthFromTheOutermost) {
    EXPECT_EQ(problem_of("{}", 1), "none");
    EXPECT_EQ(problem_of(R"({"a":[]})", 1), "is nested too deep");
    EXPECT_EQ(problem_of(R"({"a":[{}]})", 3), "none");
    EXPECT_EQ(problem_of(R"({"a":[{"b":[]}]})", 3), "is nested too deep");
    EXPECT_EQ(problem_of("{\"a\":" + std::string(100'000, '[')), "is nested too deep");
    std::string objects;
    for (int i = 0; i < 50'000; ++i) objects += "{\"a\":";
    EXPECT_EQ(problem_of(objects), "is nested too deep");
}

}  // namespace
}  // namespace cryo::auth
