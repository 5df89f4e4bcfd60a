#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/core.h>

#include <cryo/broker/config.h>

#include "config_file.h"
#include "settings.h"
#include "text.h"

namespace cryo::broker {
namespace {

constexpr std::string_view kPrefix = "DSOCK_";

struct Found {
    std::string path{};
    std::string ending{};
    std::string content{};
};

std::optional<std::string> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string content;
    std::array<char, 4'096> part;
    while (file.read(part.data(), part.size()), file.gcount() > 0) {
        content.append(part.data(), static_cast<std::size_t>(file.gcount()));
    }
    return file.bad() ? std::nullopt : std::optional(std::move(content));
}

bool is_there(const std::string& path) {
    std::error_code ignored;
    const auto status = std::filesystem::status(path, ignored);
    return std::filesystem::exists(status) && !std::filesystem::is_directory(status);
}

Result<std::optional<Found>> find_file(const ConfigSources& sources) {
    if (!sources.file.empty()) {
        auto content = read(sources.file);
        if (!content) return Error{Errc::invalid_option, fmt::format("{} cannot be read", sources.file)};
        const auto dot = sources.file.rfind('.');
        const auto ending = dot == std::string::npos ? std::string() : to_lower(sources.file.substr(dot + 1));
        return std::optional(Found{sources.file, ending, std::move(*content)});
    }
    for (const auto& folder : sources.folders) {
        for (const auto ending : config_endings()) {
            const auto path = fmt::format("{}/config.{}", folder, ending);
            if (!is_there(path)) continue;
            auto content = read(path);
            if (!content) return Error{Errc::invalid_option, fmt::format("{} cannot be read", path)};
            return std::optional(Found{path, std::string(ending), std::move(*content)});
        }
    }
    return std::optional<Found>();
}

std::string upper(std::string_view text) {
    std::string result(text);
    for (auto& c : result) c = 'a' <= c && c <= 'z' ? static_cast<char>(c - 32) : c;
    return result;
}

/// `PORT`, which hosting services set, goes before `DSOCK_PORT`.
std::optional<Setting> from_environment(const ConfigSources& sources, std::string_view key) {
    if (!sources.environment) return std::nullopt;
    std::vector<std::string> names{std::string(kPrefix) + upper(key)};
    if (key == "port") names.insert(names.begin(), "PORT");
    for (const auto& name : names) {
        auto value = sources.environment(name);
        if (value && !value->empty()) return Setting{std::move(*value), name};
    }
    return std::nullopt;
}

bool is_loopback(std::string_view host) noexcept {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// An API without a token is not offered to the network unless somebody says so.
void choose_host(Config& config) {
    auto& broker = config.broker;
    const bool open = broker.role != Role::worker && broker.token.empty() && !broker.allow_open_api;
    if (config.host.empty()) config.host = open ? "127.0.0.1" : "0.0.0.0";
    if (!open || !is_loopback(config.host)) return;
    broker.allow_open_api = true;
    config.warnings.push_back(
        fmt::format("no token: listening on {} only; set token, or allow_open_api = true to let everybody use the API",
                    config.host));
}

}  // namespace

ConfigSources default_config_sources() {
    ConfigSources sources;
    sources.environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
    sources.folders = {"."};
    if (const char* home = std::getenv("HOME"); home && *home) {
        sources.folders.push_back(std::string(home) + "/.config/dsock");
    }
    sources.folders.emplace_back("/etc/dsock");
    return sources;
}

Result<Config> load_config(const ConfigSources& sources) {
    Config config;
    FileValues in_file;
    auto found = find_file(sources);
    if (!found) return std::move(found).error();
    if (const auto& file = *found) {
        config.file = file->path;
        auto parsed = parse_config(file->ending, file->content);
        if (!parsed) return Error{Errc::invalid_option, fmt::format("{}: {}", file->path, parsed.error().message)};
        in_file = std::move(*parsed);
    }

    Settings settings;
    for (const auto& option : config_options()) {
        const std::string key(option.key);
        if (const auto given = sources.overrides.find(key); given != sources.overrides.end()) {
            std::string name = "--" + key;
            for (auto& c : name) c = c == '_' ? '-' : c;
            settings[key] = {given->second, name};
        } else if (auto value = from_environment(sources, key)) {
            settings[key] = std::move(*value);
        } else if (const auto value_in_file = in_file.find(key); value_in_file != in_file.end()) {
            settings[key] = {value_in_file->second, config.file};
        }
        in_file.erase(key);
    }
    for (const auto& [key, value] : in_file) {
        config.warnings.push_back(fmt::format("{}: {} is not an option, and has no effect", config.file, key));
    }
    if (auto applied = apply_settings(settings, config); !applied) return std::move(applied).error();
    choose_host(config);
    return config;
}

}  // namespace cryo::broker
