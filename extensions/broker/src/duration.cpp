#include "duration.h"

#include <array>
#include <cstdint>
#include <limits>

namespace cryo::broker {
namespace {

constexpr std::uint64_t kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

struct Unit {
    std::string_view name;
    std::uint64_t nanoseconds;
};

constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"\u00b5s", 1'000},
                                      {"\u03bcs", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

bool is_digit(char c) noexcept { return '0' <= c && c <= '9'; }

std::optional<std::uint64_t> take_unit(std::string_view& text) noexcept {
    std::size_t length = 0;
    while (length < text.size() && text[length] != '.' && !is_digit(text[length])) ++length;
    const auto name = text.substr(0, length);
    for (const auto& unit : kUnits) {
        if (unit.name != name) continue;
        text.remove_prefix(length);
        return unit.nanoseconds;
    }
    return std::nullopt;
}

/// `1.5` as 15 / 10; digits of a fraction beyond what 64 bits hold are too small to matter.
struct Number {
    std::uint64_t digits = 0;
    std::uint64_t divisor = 1;
};

std::optional<Number> take_number(std::string_view& text) noexcept {
    Number number;
    bool any = false;
    for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), any = true) {
        const auto digit = static_cast<std::uint64_t>(text.front() - '0');
        if (number.digits > (kMost - digit) / 10) return std::nullopt;
        number.digits = number.digits * 10 + digit;
    }
    if (text.empty() || text.front() != '.') return any ? std::optional(number) : std::nullopt;
    text.remove_prefix(1);
    for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), any = true) {
        const auto digit = static_cast<std::uint64_t>(text.front() - '0');
        if (number.digits > (kMost - digit) / 10 || number.divisor > kMost / 10) continue;
        number.digits = number.digits * 10 + digit;
        number.divisor *= 10;
    }
    return any ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> multiply(const Number& number, std::uint64_t unit) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(number.digits) * unit / number.divisor;
    return product <= kMost ? std::optional(static_cast<std::uint64_t>(product)) : std::nullopt;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return std::chrono::nanoseconds{0};
    if (text.empty()) return std::nullopt;

    std::uint64_t total = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        const auto unit = take_unit(text);
        if (!unit) return std::nullopt;
        const auto part = multiply(*number, *unit);
        if (!part || *part > kMost - total) return std::nullopt;
        total += *part;
    }
    const auto count = static_cast<std::int64_t>(total);
    return std::chrono::nanoseconds{negative ? -count : count};
}

}  // namespace cryo::broker
