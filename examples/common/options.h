#pragma once

#include <charconv>
#include <concepts>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace example {

/// A program's command line: `--name value`, `--name=value` and `--flag`.
/// @code
///   Options options("cryo-echo", "Sends back what it receives.");
///   options.value("port", "N", "port to listen on", port);
///   if (auto exit_code = options.parse(argc, argv)) return *exit_code;
/// @endcode
class Options {
public:
    Options(std::string program, std::string summary) : program_(std::move(program)), summary_(std::move(summary)) {}

    void flag(std::string name, std::string help, bool& target) {
        options_.push_back(
            {std::move(name), "", std::move(help), [&target](std::string_view) { return target = true; }});
    }

    void value(std::string name, std::string placeholder, std::string help, std::string& target) {
        if (!target.empty()) help += " (default: " + target + ")";
        options_.push_back({std::move(name), std::move(placeholder), std::move(help), [&target](std::string_view text) {
                                target = text;
                                return true;
                            }});
    }

    template <std::unsigned_integral T>
    void value(std::string name, std::string placeholder, std::string help, T& target) {
        help += " (default: " + std::to_string(target) + ")";
        options_.push_back({std::move(name), std::move(placeholder), std::move(help), [&target](std::string_view text) {
                                const auto* end = text.data() + text.size();
                                const auto [stopped, error] = std::from_chars(text.data(), end, target);
                                return error == std::errc{} && stopped == end;
                            }});
    }

    /// The code to exit with at once, 0 after `--help`, 2 for a wrong command line; or nothing: go on.
    std::optional<int> parse(int argc, const char* const* argv) const {
        for (int i = 1; i < argc; ++i) {
            std::string_view name = argv[i];
            if (name == "--help" || name == "-h") return print_help();
            if (!name.starts_with("--")) return wrong("unexpected argument " + std::string(name));
            name.remove_prefix(2);

            std::optional<std::string_view> text;
            if (const auto equals = name.find('='); equals != name.npos) {
                text = name.substr(equals + 1);
                name = name.substr(0, equals);
            }
            const auto* option = find(name);
            if (!option) return wrong("unknown option --" + std::string(name));
            if (option->placeholder.empty()) {
                if (text) return wrong("--" + option->name + " takes no value");
            } else if (!text) {
                if (++i == argc) return wrong("--" + option->name + " needs a value");
                text = argv[i];
            }
            if (!option->set(text.value_or(""))) {
                return wrong("--" + option->name + " cannot be \"" + std::string(*text) + "\"");
            }
        }
        return std::nullopt;
    }

private:
    struct Option {
        std::string name, placeholder, help;
        std::function<bool(std::string_view)> set;
    };

    const Option* find(std::string_view name) const {
        for (const auto& option : options_) {
            if (option.name == name) return &option;
        }
        return nullptr;
    }

    int print_help() const {
        std::cout << "usage: " << program_ << " [option]...\n" << summary_ << "\n\n";
        for (const auto& [name, placeholder, help, set] : options_) {
            auto left = "  --" + name + ' ' + placeholder;
            left.resize(std::max<std::size_t>(left.size() + 1, 22), ' ');
            std::cout << left << help << '\n';
        }
        return 0;
    }

    int wrong(const std::string& problem) const {
        std::cerr << program_ << ": " << problem << "; see " << program_ << " --help\n";
        return 2;
    }

    std::string program_, summary_;
    std::vector<Option> options_;
};

}  // namespace example
