#include "base64url.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::auth {
namespace {

TEST(Base64Url, DecodesWhatItEncodes) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes) << i;
        bytes += static_cast<char>(i * 7);
    }
}

TEST(Base64Url, KnowsTheVectorsOfTheRfc) {
    EXPECT_EQ(encode_base64url("foobar"), "Zm9vYmFy");
    EXPECT_EQ(encode_base64url("fooba"), "Zm9vYmE");
    EXPECT_EQ(encode_base64url("foob"), "Zm9vYg");
    EXPECT_EQ(encode_base64url("\xfb\xff\xbf"), "-_-_");
    EXPECT_EQ(decode_base64url("-_-_"), "\xfb\xff\xbf");
    EXPECT_EQ(decode_base64url(""), "");
}

TEST(Base64Url, RefusesOtherCharacters) {
    for (const std::string text : {"Zm9v+", "Zm9/", "Zm 9", "Zm9v\n", "Zm9v.", "Zm\xc3\xa4"}) {
        EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
    }
    EXPECT_EQ(decode_base64url(std::string_view("Zm\0v", 4)), std::nullopt);
}

TEST(Base64Url, RefusesWhatIsNoWholeNumberOfBytes) {
    EXPECT_EQ(decode_base64url("A"), std::nullopt);
    EXPECT_EQ(decode_base64url("Zm9vA"), std::nullopt);
}

TEST(Base64Url, RefusesASecondTextForTheSameBytes) {
    EXPECT_EQ(decode_base64url("Zg"), "f");
    EXPECT_EQ(decode_base64url("Zh"), std::nullopt);
    EXPECT_EQ(decode_base64url("Zm8"), "fo");
    EXPECT_EQ(decode_base64url("Zm9"), std::nullopt);
}

TEST(Base64Url, TakesPaddingOnlyWhenAllowedAndComplete) {
    EXPECT_EQ(decode_base64url("Zg=="), std::nullopt);
    EXPECT_EQ(decode_base64url("Zg==", true), "f");
    EXPECT_EQ(decode_base64url("Zm8=", true), "fo");
    EXPECT_EQ(decode_base64url("Zm9v", true), "foo");
    EXPECT_EQ(decode_base64url("Zg", true), "f");
    for (const std::string text : {"Zg=", "Zm8==", "Zm9v=", "Zm9v====", "=", "====", "Z===", "Zg=a"}) {
        EXPECT_EQ(decode_base64url(text, true), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace cryo::auth
