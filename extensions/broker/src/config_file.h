#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <cryo/result.h>

namespace cryo::broker {

/// Keys, in lower case, and values of a configuration file; lists are joined by commas.
using FileValues = std::map<std::string, std::string>;

/// The endings of configuration files, in the order in which they are looked for.
std::span<const std::string_view> config_endings();

/// Reads the content of a configuration file. Flat: tables inside tables have no meaning and are an error.
/// @param ending one of `config_endings`, which says what language it is in
/// Errors say at which line, or at which key; never what the value is.
Result<FileValues> parse_config(std::string_view ending, const std::string& content);

}  // namespace cryo::broker
