#include "http/uri.h"

#include <algorithm>
#include <utility>

#include "http/chars.h"

namespace cryo::http {
namespace {

/// The character that the escape at `position` stands for.
std::optional<char> escaped_at(std::string_view text, std::size_t position) noexcept {
    if (text.size() - position < 3) return std::nullopt;
    const int high = hex_value(text[position + 1]);
    const int low = hex_value(text[position + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const auto c = escaped_at(text, i);
            if (!c) return std::nullopt;
            decoded += *c;
            i += 2;
        } else {
            decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return decoded;
}

/// Cuts off and returns what precedes the first `separator`.
std::string_view take_until(std::string_view& text, char separator) noexcept {
    const std::size_t end = std::min(text.find(separator), text.size());
    const auto taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

bool is_path_character(char c) noexcept { return is_field_text(c) && c != '\t'; }

bool is_safe_file_name(std::string_view name) noexcept {
    return !name.empty() && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_path_character(c) && c != '/' && c != '\\'; });
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) { return decode(text, false); }

bool is_decodable_path(std::string_view path) noexcept {
    for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 3)) {
        const auto c = escaped_at(path, i);
        if (!c || !is_path_character(*c)) return false;
    }
    return std::all_of(path.begin(), path.end(), is_path_character);
}

std::optional<std::vector<QueryParameter>> parse_query(std::string_view query) {
    std::vector<QueryParameter> parameters;
    while (!query.empty()) {
        std::string_view value = take_until(query, '&');
        if (value.empty()) continue;
        if (parameters.size() == kMaxQueryParameters) return std::nullopt;
        auto name = decode(take_until(value, '='), true);
        auto decoded_value = decode(value, true);
        if (!name || !decoded_value) return std::nullopt;
        parameters.push_back({std::move(*name), std::move(*decoded_value)});
    }
    return parameters;
}

std::optional<FilePath> parse_file_path(std::string_view path) {
    FilePath result;
    result.is_directory = path.empty() || path.back() == '/';
    while (!path.empty()) {
        auto name = percent_decode(take_until(path, '/'));
        if (!name || !is_safe_file_name(*name)) return std::nullopt;
        result.segments.push_back(std::move(*name));
    }
    return result;
}

}  // namespace cryo::http
