#include "wire.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::redis {
namespace {

using namespace std::string_view_literals;

TEST(Wire, EncodesWords) {
    EXPECT_EQ(encode({"PING"}), "*1\r\n$4\r\nPING\r\n");
    EXPECT_EQ(encode({"SET", "", "a\0\r\n"sv}), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n"sv);
}

TEST(Wire, EncodesScripts) {
    const Script script("return 1");
    ASSERT_EQ(script.sha1(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    const std::string_view keys[] = {"k"};
    const std::string_view arguments[] = {"$7\r\nEVALSHA\r\n", "b"};
    const std::string by_name = encode_script(script, keys, arguments);
    EXPECT_EQ(by_name, encode({"EVALSHA", script.sha1(), "1", "k", "$7\r\nEVALSHA\r\n", "b"}));
    EXPECT_EQ(with_source(by_name, script), encode({"EVAL", "return 1", "1", "k", "$7\r\nEVALSHA\r\n", "b"}));
    const std::string bare = encode_script(script, {}, {});
    EXPECT_EQ(with_source(bare, script), encode({"EVAL", "return 1", "0"}));
}

TEST(Wire, ManyWordsToo) {
    const Script script("return 1");
    const std::vector<std::string_view> keys(1000, "k");
    const std::string by_name = encode_script(script, keys, {});
    EXPECT_EQ(by_name.substr(0, 15), "*1003\r\n$7\r\nEVAL");
    EXPECT_EQ(with_source(by_name, script).substr(0, 29), "*1003\r\n$4\r\nEVAL\r\n$8\r\nreturn 1");
}

}  // namespace
}  // namespace cryo::redis
