#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace cryo::websocket {

/// Reads the value of a header field piece by piece (RFC 9110 5.6). Each step skips the white space in front of it.
class HeaderScanner {
public:
    explicit HeaderScanner(std::string_view value) noexcept : rest_(value) {}

    bool at_end() noexcept {
        skip_space();
        return rest_.empty();
    }

    bool accept(char wanted) noexcept {
        skip_space();
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// Empty when no token comes next.
    std::string_view token() noexcept {
        skip_space();
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
        const auto token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(token.size());
        return token;
    }

    /// The text of a token, or of a quoted string without its quotes and escapes.
    std::optional<std::string> token_or_quoted() {
        if (!accept('"')) {
            const auto plain = token();
            return plain.empty() ? std::nullopt : std::optional<std::string>(plain);
        }
        std::string text;
        for (std::size_t i = 0; i < rest_.size(); ++i) {
            if (rest_[i] == '"') {
                rest_.remove_prefix(i + 1);
                return text;
            }
            if (rest_[i] == '\\' && ++i == rest_.size()) break;
            text.push_back(rest_[i]);
        }
        return std::nullopt;
    }

private:
    static constexpr bool is_token_char(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    }

    void skip_space() noexcept { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

    std::string_view rest_;
};

}  // namespace cryo::websocket
