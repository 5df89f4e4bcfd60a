#include "reply_reader.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cryo::redis {
namespace {

constexpr ReplyLimits kLimits{.bytes = 1000, .elements = 100};

/// All replies that `bytes` hold, fed in pieces; the error, if there is one, is the last.
struct Read {
    std::vector<Reply> replies{};
    std::string error{};
};

Read read(std::string_view bytes, std::size_t piece, ReplyLimits limits = kLimits) {
    ReplyReader reader(limits);
    Read result;
    while (!bytes.empty()) {
        reader.feed(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (;;) {
            auto next = reader.next();
            if (!next) {
                result.error = next.error().message;
                return result;
            }
            if (!*next) break;
            result.replies.push_back(std::move(**next));
        }
    }
    return result;
}

/// The same whole, byte by byte and in between.
Read read_all_ways(std::string_view bytes, ReplyLimits limits = kLimits) {
    auto whole = read(bytes, bytes.size(), limits);
    for (const std::size_t piece : {1, 2, 3, 7}) {
        const auto parts = read(bytes, piece, limits);
        EXPECT_EQ(parts.replies, whole.replies) << piece;
        EXPECT_EQ(parts.error.empty(), whole.error.empty()) << piece << ": " << parts.error << whole.error;
    }
    return whole;
}

Reply text(std::string_view value) { return Reply(std::string(value)); }

TEST(ReplyReader, ReadsEveryKind) {
    const auto [replies, error] =
        read_all_ways("+OK\r\n:-42\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n-ERR no\r\n*0\r\n");
    EXPECT_EQ(error, "");
    const std::vector<Reply> expected{text("OK"),
                                      Reply(-42),
                                      text("a\r\n"),
                                      text(""),
                                      Reply(),
                                      Reply(),
                                      Reply(Reply::ErrorText{"ERR no"}),
                                      Reply(std::vector<Reply>())};
    EXPECT_EQ(replies, expected);
}

TEST(ReplyReader, ReadsNestedArrays) {
    const auto [replies, error] = read_all_ways("*3\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n-E\r\n*-1\r\n");
    EXPECT_EQ(error, "");
    ASSERT_EQ(replies.size(), 1u);
    const Reply& reply = replies[0];
    EXPECT_EQ(reply.elements().size(), 3u);
    EXPECT_EQ(reply[0][0].integer(), 1);
    EXPECT_EQ(reply[0][1][0].text(), "x");
    EXPECT_TRUE(reply[1].is_error());
    EXPECT_TRUE(reply[2].is_nil());
    EXPECT_TRUE(reply[3].is_nil());
    EXPECT_TRUE(reply[0][0][5].is_nil());
}

TEST(ReplyReader, GrowsBeyondWhatItReserves) {
    std::string bytes = "*5000\r\n";
    for (int i = 0; i < 5000; ++i) bytes += "*1\r\n:" + std::to_string(i) + "\r\n";
    const auto [replies, error] = read(bytes, 100, {.bytes = 1000, .elements = 10'000});
    EXPECT_EQ(error, "");
    ASSERT_EQ(replies.size(), 1u);
    for (std::size_t i = 0; i < 5000; i += 499) {
        EXPECT_EQ(replies[0][i][0].integer(), static_cast<std::int64_t>(i));
    }
}

TEST(ReplyReader, LimitsBytes) {
    const std::string fits = "$1000\r\n" + std::string(1000, 'x') + "\r\n";
    EXPECT_EQ(read_all_ways(fits + fits).replies.size(), 2u);
    EXPECT_NE(read_all_ways("$1001\r\n" + std::string(1001, 'x') + "\r\n").error, "");
    const std::string half = "$600\r\n" + std::string(600, 'x') + "\r\n";
    EXPECT_NE(read_all_ways("*2\r\n" + half + half).error, "");
    EXPECT_EQ(read_all_ways(half + half).error, "");
}

TEST(ReplyReader, DoesNotWaitForWhatWouldBeTooLong) {
    const std::string endless = "$2000000000\r\n" + std::string(200'000, 'x');
    const auto [replies, error] = read(endless, 4096);
    EXPECT_TRUE(replies.empty());
    EXPECT_NE(error.find("longer than 1000 bytes"), std::string::npos) << error;
}

TEST(ReplyReader, DoesNotWaitForEndlessLines) {
    const ReplyLimits large{.bytes = 64u << 20, .elements = 1000};
    for (const std::string start : {"+", "-", ":", "$", "*"}) {
        const auto [replies, error] = read(start + std::string(1u << 20, '1'), 4096, large);
        EXPECT_TRUE(replies.empty()) << start;
        EXPECT_NE(error, "") << start;
    }
}

TEST(ReplyReader, RefusesLongLinesHoweverTheyCome) {
    const ReplyLimits large{.bytes = 64u << 20, .elements = 1000};
    const std::string line = "+" + std::string(70'000, 'x') + "\r\n";
    EXPECT_NE(read(line, line.size(), large).error, "");
    EXPECT_NE(read(line, 1000, large).error, "");
}

TEST(ReplyReader, LimitsElements) {
    EXPECT_EQ(read_all_ways("*100\r\n").error, "");
    EXPECT_NE(read_all_ways("*101\r\n").error, "");
    EXPECT_NE(read_all_ways("*2147483647\r\n").error, "");
    std::string nested = "*60\r\n";
    nested += "*60\r\n";
    EXPECT_NE(read_all_ways(nested).error, "");
    std::string many;
    for (int i = 0; i < 50; ++i) many += "*3\r\n:1\r\n:2\r\n:3\r\n";
    EXPECT_EQ(read_all_ways(many).replies.size(), 50u) << "the limit is one reply's";
}

TEST(ReplyReader, LimitsDepth) {
    std::string deep;
    for (int i = 0; i < 7; ++i) deep += "*1\r\n";
    EXPECT_EQ(read_all_ways(deep + ":1\r\n").replies.size(), 1u);
    EXPECT_NE(read_all_ways(deep + "*1\r\n*1\r\n:1\r\n").error, "");
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
    for (const std::string_view bytes : {"hello\r\n", "\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":12x\r\n", ":\r\n",
                                         "%1\r\n+a\r\n+b\r\n", "_\r\n", "*99999999999999999999\r\n"}) {
        const auto [replies, error] = read_all_ways(bytes);
        EXPECT_TRUE(replies.empty()) << bytes;
        EXPECT_NE(error, "") << bytes;
    }
}

TEST(ReplyReader, IsOfNoUseAfterAnError) {
    ReplyReader reader(kLimits);
    reader.feed("?\r\n");
    EXPECT_FALSE(reader.next());
    reader.feed("+OK\r\n");
    EXPECT_FALSE(reader.next());
}

TEST(Reply, HasAnAnswerForEveryKind) {
    const Reply number(7);
    EXPECT_EQ(number.text(), "");
    EXPECT_EQ(number.elements().size(), 0u);
    EXPECT_EQ(number[3], Reply());
    EXPECT_EQ(text("7").integer(), std::nullopt);
    EXPECT_EQ(Reply().integer(), std::nullopt);
    EXPECT_EQ(as_text(text("abc").bytes()), "abc");
    EXPECT_TRUE(Reply(Reply::ErrorText{"E"}).is_error());
    EXPECT_EQ(Reply(Reply::ErrorText{"E"}).text(), "E");
    EXPECT_NE(Reply(Reply::ErrorText{"E"}), text("E"));
}

}  // namespace
}  // namespace cryo::redis
