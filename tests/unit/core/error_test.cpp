#include <set>
#include <string>

#include <gtest/gtest.h>

#include <cryo/error.h>
#include <cryo/result.h>

namespace cryo {
namespace {

TEST(Error, EachCodeHasItsOwnWords) {
    std::set<std::string> words;
    for (int code = static_cast<int>(Errc::invalid_option); code <= static_cast<int>(Errc::user_code); ++code) {
        words.insert(error_category().message(code));
    }
    EXPECT_EQ(words.size(), static_cast<std::size_t>(Errc::user_code));
    EXPECT_EQ(words.count("unknown error"), 0u);
    EXPECT_EQ(error_category().message(0), "unknown error");
}

TEST(Error, ConvertsToAStandardErrorCode) {
    const std::error_code code = Errc::not_found;
    EXPECT_EQ(code, Errc::not_found);
    EXPECT_NE(code, Errc::system);
    EXPECT_STREQ(code.category().name(), "cryo");
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> value = 3, error = Error{Errc::not_found, "x"};
    EXPECT_TRUE(value.ok());
    EXPECT_EQ(value.value(), 3);
    EXPECT_FALSE(error.ok());
    EXPECT_EQ(error.error(), (Error{Errc::not_found, "x"}));
    EXPECT_TRUE(Result<>().ok());
    EXPECT_FALSE(Result<>(Error{Errc::not_found, {}}).ok());
}

}  // namespace
}  // namespace cryo
