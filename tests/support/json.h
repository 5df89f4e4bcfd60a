#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cryo::test {

/// A JSON value as far as the test vectors need it: objects, arrays, strings and unsigned integers.
struct Json {
    std::map<std::string, Json, std::less<>> members{};
    std::vector<Json> items{};
    std::string text{};
    std::uint64_t number = 0;

    const Json& operator[](std::string_view key) const {
        const auto found = members.find(key);
        if (found == members.end()) throw std::runtime_error("no member " + std::string(key));
        return found->second;
    }
    bool has(std::string_view key) const { return members.find(key) != members.end(); }
};

class JsonReader {
public:
    static Json file(const std::string& path) {
        std::ifstream stream(path, std::ios::binary);
        if (!stream) throw std::runtime_error("cannot read " + path);
        const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        return JsonReader(text).value();
    }

private:
    explicit JsonReader(std::string_view text) : rest_(text) {}

    char peek() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
        if (rest_.empty()) throw std::runtime_error("JSON ends early");
        return rest_.front();
    }
    char next() {
        const char c = peek();
        rest_.remove_prefix(1);
        return c;
    }
    bool take(char c) {
        if (peek() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    Json value() {
        Json json;
        if (take('{')) {
            while (!take('}')) {
                std::string key = string();
                take(':');
                json.members.emplace(std::move(key), value());
                take(',');
            }
        } else if (take('[')) {
            while (!take(']')) {
                json.items.push_back(value());
                take(',');
            }
        } else if (peek() == '"') {
            json.text = string();
        } else {
            std::size_t digits = 0;
            json.number = std::stoull(std::string(rest_.substr(0, 20)), &digits);
            rest_.remove_prefix(digits);
        }
        return json;
    }

    std::string string() {
        if (next() != '"') throw std::runtime_error("JSON string expected");
        std::string text;
        for (char c = raw(); c != '"'; c = raw()) {
            if (c != '\\') {
                text += c;
                continue;
            }
            const char escape = raw();
            if (escape == 'u') {
                append_utf8(text, code_point());
            } else {
                constexpr std::string_view kNames = "nrtbf", kValues = "\n\r\t\b\f";
                const std::size_t at = kNames.find(escape);
                text += at == std::string_view::npos ? escape : kValues[at];
            }
        }
        return text;
    }

    char raw() {
        if (rest_.empty()) throw std::runtime_error("JSON ends early");
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    std::uint32_t code_unit() {
        const auto unit = static_cast<std::uint32_t>(std::stoul(std::string(rest_.substr(0, 4)), nullptr, 16));
        rest_.remove_prefix(4);
        return unit;
    }
    std::uint32_t code_point() {
        const std::uint32_t unit = code_unit();
        if (unit < 0xd800 || unit > 0xdbff) return unit;
        rest_.remove_prefix(2);  // the \u of the second half
        return 0x10000 + ((unit - 0xd800) << 10) + (code_unit() - 0xdc00);
    }
    static void append_utf8(std::string& text, std::uint32_t c) {
        const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
        if (c < 0x80) {
            text += static_cast<char>(c);
        } else if (c < 0x800) {
            text += static_cast<char>(0xc0 | (c >> 6));
            tail(0);
        } else if (c < 0x10000) {
            text += static_cast<char>(0xe0 | (c >> 12));
            tail(6), tail(0);
        } else {
            text += static_cast<char>(0xf0 | (c >> 18));
            tail(12), tail(6), tail(0);
        }
    }

    std::string_view rest_;
};

}  // namespace cryo::test
