#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

/// One line of JSON, a flat object. Keys and texts need no escaping.
class Report {
public:
    void add(std::string_view key, std::string_view text) { append(key, '"' + std::string(text) + '"'); }
    void add(std::string_view key, std::same_as<bool> auto value) { append(key, value ? "true" : "false"); }
    void add(std::string_view key, std::unsigned_integral auto value) requires(!std::same_as<decltype(value), bool>) {
        append(key, std::to_string(value));
    }
    void add(std::string_view key, double value);

    std::string line() const { return '{' + members_ + '}'; }

private:
    void append(std::string_view key, const std::string& json);

    std::string members_;
};

}  // namespace load
