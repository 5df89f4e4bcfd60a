#include "config_file.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

FileValues parse(std::string_view ending, const std::string& content) {
    auto parsed = parse_config(ending, content);
    EXPECT_TRUE(parsed.ok()) << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : FileValues{};
}

std::string problem(std::string_view ending, const std::string& content) {
    const auto parsed = parse_config(ending, content);
    return parsed ? "none" : parsed.error().message;
}

const FileValues kUsual{{"port", "80"}, {"token", "a b"}, {"redis_tls", "true"}};

TEST(BrokerConfigFile, ReadsEveryFormat) {
    EXPECT_EQ(parse("json", R"({"Port": 80, "token": "a b", "redis_tls": true})"), kUsual);
    EXPECT_EQ(parse("toml", "port = 80\ntoken = \"a b\"\nredis_tls = true\n"), kUsual);
    EXPECT_EQ(parse("yaml", "port: 80\ntoken: a b\nredis_tls: true\n"), kUsual);
    EXPECT_EQ(parse("yml", "{port: 80, token: 'a b', redis_tls: true}"), kUsual);
    EXPECT_EQ(parse("hcl", "port = 80\ntoken = \"a b\"\nredis_tls = true\n"), kUsual);
    EXPECT_EQ(parse("env", "PORT=80\nexport TOKEN=\"a b\"\nREDIS_TLS=true\n"), kUsual);
    EXPECT_EQ(parse("dotenv", "PORT=80\nTOKEN='a b'\nREDIS_TLS=true # yes\n"), kUsual);
    EXPECT_EQ(parse("ini", "; comment\nport = 80\n[DEFAULT]\ntoken = a b\nredis_tls = true\n"), kUsual);
    for (const auto* ending : {"properties", "props", "prop"}) {
        EXPECT_EQ(parse(ending, "# comment\n! too\nport=80\ntoken : a b\nredis_tls true\n"), kUsual) << ending;
    }
}

TEST(BrokerConfigFile, JoinsLists) {
    const FileValues expected{{"default_channels", "a,b"}};
    EXPECT_EQ(parse("json", R"({"default_channels": ["a", "b"]})"), expected);
    EXPECT_EQ(parse("toml", "default_channels = ['a', 'b']"), expected);
    EXPECT_EQ(parse("yaml", "default_channels: [a, b]"), expected);
    EXPECT_EQ(parse("hcl", "default_channels = [\"a\", \"b\",]"), expected);
}

TEST(BrokerConfigFile, EmptyFilesSayNothing) {
    for (const auto* ending : {"toml", "yaml", "properties", "hcl", "env", "ini"}) {
        EXPECT_TRUE(parse(ending, "").empty()) << ending;
    }
    EXPECT_TRUE(parse("json", "{}").empty());
}

TEST(BrokerConfigFile, ReadsWindowsLineEnds) {
    EXPECT_EQ(parse("ini", "port = 80\r\n"), (FileValues{{"port", "80"}}));
    EXPECT_EQ(parse("env", "PORT=80\r\n"), (FileValues{{"port", "80"}}));
}

TEST(BrokerConfigFile, KeepsTextWithQuotesAndComments) {
    EXPECT_EQ(parse("env", R"(TOKEN="a#b\"c\\")"), (FileValues{{"token", "a#b\"c\\"}}));
    EXPECT_EQ(parse("env", "TOKEN=a#b"), (FileValues{{"token", "a#b"}}));
    EXPECT_EQ(parse("hcl", "token = \"a//b\" // comment\n/* port = 1\n*/ port = 2 # x\n"),
              (FileValues{{"token", "a//b"}, {"port", "2"}}));
    EXPECT_EQ(parse("properties", "token=a\\\n   b\\=c\n"), (FileValues{{"token", "ab=c"}}));
}

TEST(BrokerConfigFile, SaysWhereAFileIsWrong) {
    EXPECT_EQ(problem("json", "{"), "it is not valid JSON");
    EXPECT_EQ(problem("json", "[]"), "it is not a JSON object");
    EXPECT_EQ(problem("json", R"({"redis": {"host": "x"}})"),
              "redis must be a text, a number, true, false, or a list of these");
    EXPECT_TRUE(problem("toml", "port = 1\ntoken = secret\n").starts_with("line 2: "));
    EXPECT_EQ(problem("toml", "[redis]\nhost = 'x'"),
              "redis must be a text, a number, true, false, or a list of these");
    EXPECT_EQ(problem("yaml", "a: [1"), "line 1: it is not valid YAML");
    EXPECT_EQ(problem("yaml", "just text"), "it is not a YAML map");
    EXPECT_EQ(problem("hcl", "port = 1\nredis { }\n"), "line 2: expected key = value; blocks are not supported");
    EXPECT_TRUE(problem("hcl", "port = 1 + 1").starts_with("line 1: port must be"));
    EXPECT_TRUE(problem("hcl", "token = \"${env.X}\"").starts_with("line 1: token must be"));
    EXPECT_EQ(problem("hcl", "/* never"), "line 1: a comment does not end");
    EXPECT_EQ(problem("env", "PORT"), "line 1: expected KEY=value");
    EXPECT_EQ(problem("env", "TOKEN=\"abc"), "line 1: the quotes of TOKEN are not closed");
    EXPECT_EQ(problem("ini", "\n[redis]\nhost = x"), "line 3: host must not be in a section of its own");
    EXPECT_EQ(problem("ini", "[redis"), "line 1: the name of a section does not end");
    EXPECT_EQ(problem("properties", "=x"), "line 1: expected key = value");
    EXPECT_EQ(problem("xml", ""), "the ending xml is none of a configuration file");
}

TEST(BrokerConfigFile, BoundsWhatItReads) {
    EXPECT_EQ(problem("json", std::string(100'000, '[')), "it is not valid JSON");
    EXPECT_EQ(problem("env", std::string((1u << 20) + 1, '#')), "it is larger than 1 MiB");
}

}  // namespace
}  // namespace cryo::broker
