#include "rfc3339.h"

#include <fmt/format.h>

namespace cryo::auth {
namespace {

using namespace std::chrono;

/// Takes what a time is made of from the front of a text. After a failure it goes on, and `ok` stays false.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    int number(std::size_t digits) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const char c = next();
            if (c < '0' || c > '9') ok_ = false;
            value = value * 10 + (c - '0');
        }
        return value;
    }
    void expect(char c) { ok_ &= next() == c; }
    char next() {
        if (rest_.empty()) {
            ok_ = false;
            return '\0';
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    void skip_fraction() {
        if (!rest_.starts_with('.')) return;
        rest_.remove_prefix(1);
        const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        ok_ &= digits > 0;
        rest_.remove_prefix(digits);
    }
    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return ok_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool ok_ = true;
};

std::optional<minutes> scan_offset(Scanner& scanner) {
    const char sign = scanner.next();
    if (sign == 'Z') return minutes(0);
    if (sign != '+' && sign != '-') return std::nullopt;
    const int hour = scanner.number(2);
    scanner.expect(':');
    const int minute = scanner.number(2);
    if (!scanner.ok() || hour > 23 || minute > 59) return std::nullopt;
    const minutes offset = hours(hour) + minutes(minute);
    return sign == '+' ? offset : -offset;
}

}  // namespace

std::string format_rfc3339(sys_seconds time) {
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

std::optional<sys_seconds> parse_rfc3339(std::string_view text) {
    Scanner scanner(text);
    const year y(scanner.number(4));
    scanner.expect('-');
    const month m(static_cast<unsigned>(scanner.number(2)));
    scanner.expect('-');
    const day d(static_cast<unsigned>(scanner.number(2)));
    scanner.expect('T');
    const int hour = scanner.number(2);
    scanner.expect(':');
    const int minute = scanner.number(2);
    scanner.expect(':');
    const int second = scanner.number(2);
    scanner.skip_fraction();
    const auto offset = scan_offset(scanner);
    const year_month_day date(y, m, d);
    if (!scanner.at_end() || !offset || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - *offset;
}

}  // namespace cryo::auth
