#include "config_file.h"

#include <array>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include "flat_file.h"
#include "text.h"

namespace cryo::broker {
namespace {

constexpr std::size_t kMaxBytes = 1u << 20;
constexpr std::size_t kMaxDepth = 32;

Error wrong(std::string message) { return {Errc::invalid_option, std::move(message)}; }

Error not_flat(std::string_view key) {
    return wrong(fmt::format("{} must be a text, a number, true, false, or a list of these", key));
}

void append(std::string& list, std::string_view item) {
    if (!list.empty()) list += ',';
    list += item;
}

std::optional<std::string> scalar(const nlohmann::json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
    if (value.is_null()) return "";
    return std::nullopt;
}

std::optional<std::string> scalar(const toml::node& value) {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* number = value.as_integer()) return std::to_string(number->get());
    if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
    if (const auto* truth = value.as_boolean()) return truth->get() ? "true" : "false";
    return std::nullopt;
}

std::optional<std::string> scalar(const YAML::Node& value) {
    if (value.IsScalar()) return value.Scalar();
    if (value.IsNull()) return "";
    return std::nullopt;
}

/// A scalar, or a list of them joined by commas.
template <class Value, class List>
std::optional<std::string> flatten(const Value& value, bool is_list, const List& list) {
    if (!is_list) return scalar(value);
    std::string joined;
    for (const auto& item : list) {
        const auto text = scalar(item);
        if (!text) return std::nullopt;
        append(joined, *text);
    }
    return joined;
}

Result<FileValues> parse_json(const std::string& content) {
    // The callback ends parsing before deep nesting can exhaust the stack of what destroys the value.
    bool too_deep = false;
    const auto guard = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        too_deep |= depth > static_cast<int>(kMaxDepth);
        return !too_deep;
    };
    const auto document = nlohmann::json::parse(content, guard, false);
    if (too_deep || document.is_discarded()) return wrong("it is not valid JSON");
    if (!document.is_object()) return wrong("it is not a JSON object");
    FileValues values;
    for (const auto& [key, value] : document.items()) {
        auto text = flatten(value, value.is_array(), value);
        if (!text) return not_flat(key);
        values.insert_or_assign(to_lower(key), std::move(*text));
    }
    return values;
}

Result<FileValues> parse_toml(const std::string& content) try {
    const auto table = toml::parse(content);
    FileValues values;
    for (const auto& [key, value] : table) {
        const auto* list = value.as_array();
        auto text = list ? flatten(value, true, *list) : scalar(value);
        if (!text) return not_flat(key.str());
        values.insert_or_assign(to_lower(key.str()), std::move(*text));
    }
    return values;
} catch (const toml::parse_error& error) {
    return wrong(fmt::format("line {}: {}", error.source().begin.line, error.description()));
}

Result<FileValues> parse_yaml(const std::string& content) try {
    const auto document = YAML::Load(content);
    FileValues values;
    if (document.IsNull()) return values;
    if (!document.IsMap()) return wrong("it is not a YAML map");
    for (const auto& entry : document) {
        if (!entry.first.IsScalar())
            return wrong(fmt::format("line {}: a key must be a text", entry.first.Mark().line + 1));
        const auto& key = entry.first.Scalar();
        auto text = flatten(entry.second, entry.second.IsSequence(), entry.second);
        if (!text) return not_flat(key);
        values.insert_or_assign(to_lower(key), std::move(*text));
    }
    return values;
} catch (const YAML::Exception& error) {
    return wrong(fmt::format("line {}: it is not valid YAML", error.mark.line + 1));
}

}  // namespace

std::span<const std::string_view> config_endings() {
    static constexpr std::array<std::string_view, 11> kEndings{"json", "toml", "yaml",   "yml", "properties", "props",
                                                               "prop", "hcl",  "dotenv", "env", "ini"};
    return kEndings;
}

Result<FileValues> parse_config(std::string_view ending, const std::string& content) {
    if (content.size() > kMaxBytes) return wrong("it is larger than 1 MiB");
    if (ending == "json") return parse_json(content);
    if (ending == "toml") return parse_toml(content);
    if (ending == "yaml" || ending == "yml") return parse_yaml(content);
    if (ending == "properties" || ending == "props" || ending == "prop") return parse_properties(content);
    if (ending == "hcl") return parse_hcl(content);
    if (ending == "dotenv" || ending == "env") return parse_dotenv(content);
    if (ending == "ini") return parse_ini(content);
    return wrong(fmt::format("the ending {} is none of a configuration file", ending));
}

}  // namespace cryo::broker
