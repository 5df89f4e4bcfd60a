#include <chrono>
#include <ctime>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <cryo/logging.h>

namespace cryo {
namespace {

std::string_view name_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "?";
}

std::string utc_now() {
    using namespace std::chrono;
    const auto since_epoch = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
    const auto seconds = static_cast<std::time_t>(since_epoch.count() / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_hour, utc.tm_min, utc.tm_sec, since_epoch.count() % 1000);
}

class StderrLogger final : public ILogger {
public:
    explicit StderrLogger(LogLevel least) noexcept : least_(least) {}

    void log(LogLevel level, std::string_view component, std::string_view message) override {
        if (level < least_) return;
        std::string line = fmt::format("{} {} {}: {}", utc_now(), name_of(level), component, message);
        // What peers sent may be part of the message: it forges no lines and moves no cursors.
        for (char& c : line) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
        }
        line += '\n';
        // One write, so that lines of several threads do not mix. There is nowhere to report a failure to.
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    }

private:
    const LogLevel least_;
};

}  // namespace

std::shared_ptr<ILogger> make_stderr_logger(LogLevel least) { return std::make_shared<StderrLogger>(least); }

}  // namespace cryo
