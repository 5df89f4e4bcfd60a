#pragma once

#include <string_view>

#include "config_file.h"

/// Configuration files that are lines of `key = value`.
namespace cryo::broker {

/// Java properties: `=`, `:` or white space after the key, `#` and `!` comments, backslash escapes and continued lines.
Result<FileValues> parse_properties(std::string_view content);

/// The flat part of HCL: `key = "text"`, numbers, `true`, `false`, lists of these on one line; `#`, `//` and `/* */`
/// comments. Blocks, expressions and here-documents are errors.
Result<FileValues> parse_hcl(std::string_view content);

/// `KEY=value`, also after `export`; values may be in quotes, in which only `"` knows escapes; `#` comments.
Result<FileValues> parse_dotenv(std::string_view content);

/// `key = value` before any section or in `[default]`, `;` and `#` comments. Keys of other sections are an error.
Result<FileValues> parse_ini(std::string_view content);

}  // namespace cryo::broker
