#include "time_text.h"

#include <fmt/core.h>

namespace cryo::broker {
namespace {

using namespace std::chrono;

bool take(std::string_view& text, char expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(1);
    return true;
}

/// A number of exactly so many digits; -1 when there is none.
int take_number(std::string_view& text, std::size_t digits) noexcept {
    if (text.size() < digits) return -1;
    int value = 0;
    for (const char c : text.substr(0, digits)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(digits);
    return value;
}

/// `Z`, or a sign, hours and minutes, and nothing after it.
std::optional<minutes> parse_offset(std::string_view text) noexcept {
    if (text == "Z" || text == "z") return minutes{0};
    const bool west = text.starts_with('-');
    if (!west && !text.starts_with('+')) return std::nullopt;
    text.remove_prefix(1);
    const int hour = take_number(text, 2);
    if (!take(text, ':')) return std::nullopt;
    const int minute = take_number(text, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !text.empty()) return std::nullopt;
    const minutes offset{hour * 60 + minute};
    return west ? -offset : offset;
}

}  // namespace

std::string format_time(sys_seconds time) {
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

std::optional<sys_seconds> parse_time(std::string_view text) noexcept {
    const int year_number = take_number(text, 4);
    if (!take(text, '-')) return std::nullopt;
    const int month_number = take_number(text, 2);
    if (!take(text, '-')) return std::nullopt;
    const int day_number = take_number(text, 2);
    if (!take(text, 'T') && !take(text, 't')) return std::nullopt;
    const int hour = take_number(text, 2);
    if (!take(text, ':')) return std::nullopt;
    const int minute = take_number(text, 2);
    if (!take(text, ':')) return std::nullopt;
    const int second = take_number(text, 2);
    if (year_number < 0 || month_number < 0 || day_number < 0) return std::nullopt;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
    if (take(text, '.')) {
        const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
        if (digits == 0) return std::nullopt;
        text.remove_prefix(digits);
    }
    const auto offset = parse_offset(text);
    const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)}};
    if (!offset || !date.ok()) return std::nullopt;
    return sys_days{date} + hours{hour} + minutes{minute} + seconds{second} - *offset;
}

}  // namespace cryo::broker
