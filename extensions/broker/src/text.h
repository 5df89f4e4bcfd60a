#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cryo::broker {

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return 'A' <= c && c <= 'Z' ? char(c + 32) : c; });
    return lower;
}

inline std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view kSpace = " \t\r\n\f\v";
    const auto first = text.find_first_not_of(kSpace);
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The parts between commas, without empty and repeated ones, in order; nothing is trimmed.
inline std::vector<std::string> split_list(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        const auto part = list.substr(0, end);
        if (!part.empty() && std::ranges::find(parts, part) == parts.end()) parts.emplace_back(part);
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return parts;
}

inline std::string join_list(const std::vector<std::string>& parts) {
    std::string list;
    for (const auto& part : parts) {
        if (!list.empty()) list += ',';
        list += part;
    }
    return list;
}

}  // namespace cryo::broker
