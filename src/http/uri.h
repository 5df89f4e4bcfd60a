#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Percent-encoding, query strings and paths (RFC 3986). All functions are pure.
namespace cryo::http {

inline constexpr std::size_t kMaxQueryParameters = 256;

/// Replaces each %XX, once. A `%` that is not followed by two hexadecimal digits is an error.
std::optional<std::string> percent_decode(std::string_view text);

/// Whether a path can be decoded, and to something without control characters.
bool is_decodable_path(std::string_view path) noexcept;

struct QueryParameter {
    std::string name{};
    std::string value{};

    bool operator==(const QueryParameter&) const = default;
};

/// Parameters of a query string (what follows the `?`), in order, decoded, `+` being a space; empty pairs are skipped.
/// An error when an escape is malformed or there are more than `kMaxQueryParameters`.
std::optional<std::vector<QueryParameter>> parse_query(std::string_view query);

/// The segments of a path below some folder, decoded, fit to be opened one by one: none is empty, starts with a dot or
/// contains `/`, `\` or control characters. A last empty one, after a closing slash, is left out of the list.
struct FilePath {
    std::vector<std::string> segments{};
    bool is_directory = false;  ///< it ended in a slash, or was empty
};
std::optional<FilePath> parse_file_path(std::string_view path);

}  // namespace cryo::http
