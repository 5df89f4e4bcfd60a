#include "flat_file.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "text.h"

namespace cryo::broker {
namespace {

Error wrong(std::size_t line, std::string_view problem) {
    return {Errc::invalid_option, fmt::format("line {}: {}", line, problem)};
}

/// Hands out a text line by line, without line ends.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}

    bool next(std::string_view& line) {
        if (rest_.empty()) return false;
        const auto end = std::min(rest_.find('\n'), rest_.size());
        line = rest_.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        ++number_;
        return true;
    }
    std::size_t number() const noexcept { return number_; }

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

bool is_key(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    });
}

std::optional<char> escaped(char c) noexcept {
    switch (c) {
        case 'n':
            return '\n';
        case 't':
            return '\t';
        case 'r':
            return '\r';
        case '"':
        case '\\':
        case '$':
            return c;
        default:
            return std::nullopt;
    }
}

/// Takes `"text"` from the front; nothing when the quotes do not end, or an escape is unknown.
std::optional<std::string> take_quoted(std::string_view& text) {
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return value;
        }
        if (text[i] != '\\') {
            value += text[i];
            continue;
        }
        if (++i == text.size()) break;
        const auto c = escaped(text[i]);
        if (!c) break;
        value += *c;
    }
    return std::nullopt;
}

// -- properties ------------------------------------------------------------------------------------------------------

bool ends_in_odd_backslashes(std::string_view line) noexcept {
    std::size_t count = 0;
    while (count < line.size() && line[line.size() - 1 - count] == '\\') ++count;
    return count % 2 == 1;
}

std::string unescape_property(std::string_view text) {
    std::string value;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            value += text[i] == 'n' || text[i] == 't' || text[i] == 'r' ? *escaped(text[i]) : text[i];
        } else {
            value += text[i];
        }
    }
    return value;
}

// -- HCL -------------------------------------------------------------------------------------------------------------

/// Cuts a comment off a line; `in_block` is whether a `/*` of it, or of an earlier one, is still open after it.
std::string without_hcl_comments(std::string_view line, bool& in_block) {
    std::string kept;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto rest = line.substr(i);
        if (in_block) {
            if (rest.starts_with("*/")) in_block = false, ++i;
        } else if (quoted) {
            if (rest.front() == '\\' && rest.size() > 1) kept += line[i++];
            quoted = line[i] != '"' || rest.front() == '\\';
            kept += line[i];
        } else if (rest.front() == '#' || rest.starts_with("//")) {
            break;
        } else if (rest.starts_with("/*")) {
            in_block = true, ++i;
        } else {
            quoted = rest.front() == '"';
            kept += rest.front();
        }
    }
    return kept;
}

/// A text in quotes, a number, `true` or `false`, from the front.
std::optional<std::string> take_hcl_scalar(std::string_view& text) {
    if (text.starts_with('"')) {
        auto value = take_quoted(text);
        if (!value || value->find("${") != value->npos) return std::nullopt;
        return value;
    }
    const auto end = std::min(text.find_first_of(",] \t"), text.size());
    const auto word = text.substr(0, end);
    const bool number = !word.empty() && word.find_first_not_of("0123456789.-") == word.npos;
    if (!number && word != "true" && word != "false") return std::nullopt;
    text.remove_prefix(end);
    return std::string(word);
}

std::optional<std::string> parse_hcl_value(std::string_view text) {
    if (!text.starts_with('[')) {
        auto value = take_hcl_scalar(text);
        return value && trim(text).empty() ? value : std::nullopt;
    }
    std::string joined;
    text = trim(text.substr(1));
    while (!text.starts_with(']')) {
        const auto item = take_hcl_scalar(text);
        if (!item) return std::nullopt;
        if (!joined.empty()) joined += ',';
        joined += *item;
        text = trim(text);
        if (text.starts_with(',')) {
            text = trim(text.substr(1));
        } else if (!text.starts_with(']')) {
            return std::nullopt;
        }
    }
    return trim(text.substr(1)).empty() ? std::optional(joined) : std::nullopt;
}

// -- dotenv and ini --------------------------------------------------------------------------------------------------

std::string_view before_comment(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) return trim(text.substr(0, i));
    }
    return trim(text);
}

std::optional<std::string> parse_dotenv_value(std::string_view text) {
    text = trim(text);
    if (text.starts_with('"')) {
        auto value = take_quoted(text);
        return value && before_comment(text).empty() ? value : std::nullopt;
    }
    if (text.starts_with('\'')) {
        const auto end = text.find('\'', 1);
        if (end == text.npos || !before_comment(text.substr(end + 1)).empty()) return std::nullopt;
        return std::string(text.substr(1, end - 1));
    }
    return std::string(before_comment(text));
}

std::string unquote_ini(std::string_view text) {
    text = trim(text);
    const bool quoted =
        text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

}  // namespace

Result<FileValues> parse_properties(std::string_view content) {
    FileValues values;
    Lines lines(content);
    std::string_view line;
    while (lines.next(line)) {
        auto text = trim(line);
        if (text.empty() || text.front() == '#' || text.front() == '!') continue;
        std::string logical(text);
        while (ends_in_odd_backslashes(logical)) {
            logical.pop_back();
            if (!lines.next(line)) break;
            logical += trim(line);
        }
        const auto end = std::min(logical.find_first_of("=: \t"), logical.size());
        const auto key = std::string_view(logical).substr(0, end);
        if (!is_key(key)) return wrong(lines.number(), "expected key = value");
        auto value = trim(std::string_view(logical).substr(end));
        if (!value.empty() && (value.front() == '=' || value.front() == ':')) value = trim(value.substr(1));
        values.insert_or_assign(to_lower(key), unescape_property(value));
    }
    return values;
}

Result<FileValues> parse_hcl(std::string_view content) {
    FileValues values;
    Lines lines(content);
    std::string_view line;
    bool in_comment = false;
    while (lines.next(line)) {
        const auto kept = without_hcl_comments(line, in_comment);
        const auto text = trim(kept);
        if (text.empty()) continue;
        const auto equals = text.find('=');
        if (equals == text.npos) return wrong(lines.number(), "expected key = value; blocks are not supported");
        const auto key = unquote_ini(text.substr(0, equals));
        if (!is_key(key)) return wrong(lines.number(), "expected key = value");
        auto value = parse_hcl_value(trim(text.substr(equals + 1)));
        if (!value) {
            return wrong(lines.number(), fmt::format("{} must be a text in quotes, a number, true, false or a list of "
                                                     "these on one line",
                                                     key));
        }
        values.insert_or_assign(to_lower(key), std::move(*value));
    }
    if (in_comment) return wrong(lines.number(), "a comment does not end");
    return values;
}

Result<FileValues> parse_dotenv(std::string_view content) {
    FileValues values;
    Lines lines(content);
    std::string_view line;
    while (lines.next(line)) {
        auto text = trim(line);
        if (text.empty() || text.front() == '#') continue;
        if (text.starts_with("export ")) text = trim(text.substr(7));
        const auto equals = text.find('=');
        const auto key = trim(text.substr(0, std::min(equals, text.size())));
        if (equals == text.npos || !is_key(key)) return wrong(lines.number(), "expected KEY=value");
        auto value = parse_dotenv_value(text.substr(equals + 1));
        if (!value) return wrong(lines.number(), fmt::format("the quotes of {} are not closed", key));
        values.insert_or_assign(to_lower(key), std::move(*value));
    }
    return values;
}

Result<FileValues> parse_ini(std::string_view content) {
    FileValues values;
    Lines lines(content);
    std::string_view line;
    bool is_default = true;
    while (lines.next(line)) {
        const auto text = trim(line);
        if (text.empty() || text.front() == ';' || text.front() == '#') continue;
        if (text.front() == '[') {
            if (text.back() != ']') return wrong(lines.number(), "the name of a section does not end");
            is_default = to_lower(trim(text.substr(1, text.size() - 2))) == "default";
            continue;
        }
        const auto equals = text.find_first_of("=:");
        const auto key = trim(text.substr(0, std::min(equals, text.size())));
        if (equals == text.npos || !is_key(key)) return wrong(lines.number(), "expected key = value");
        if (!is_default) return wrong(lines.number(), fmt::format("{} must not be in a section of its own", key));
        values.insert_or_assign(to_lower(key), unquote_ini(text.substr(equals + 1)));
    }
    return values;
}

}  // namespace cryo::broker
