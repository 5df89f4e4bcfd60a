#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cryo/logging.h>

namespace cryo {
namespace {

TEST(StderrLogger, WritesOneLineWithTimeLevelAndComponent) {
    testing::internal::CaptureStderr();
    make_stderr_logger()->log(LogLevel::warning, "session", "gone sid=1");
    const std::string line = testing::internal::GetCapturedStderr();
    EXPECT_THAT(line, testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                                            "warning session: gone sid=1\n"));
}

TEST(StderrLogger, LeavesOutLowerLevels) {
    testing::internal::CaptureStderr();
    const auto logger = make_stderr_logger(LogLevel::error);
    logger->log(LogLevel::warning, "a", "quiet");
    logger->log(LogLevel::error, "a", "loud");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(text.find("quiet"), std::string::npos);
    EXPECT_NE(text.find("loud"), std::string::npos);
}

TEST(StderrLogger, ForeignTextForgesNoLines) {
    testing::internal::CaptureStderr();
    make_stderr_logger()->log(LogLevel::info, "a", "x\nforged\r\x1b[2J");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("x forged  [2J\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace cryo
