#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cryo::auth {

/// Decodes base64url (RFC 4648, 5). Strict: no other characters, no bits left over that are not 0, so that there is one
/// text for each value.
/// @param allow_padding whether `=` may fill up the last four characters
std::optional<std::string> decode_base64url(std::string_view text, bool allow_padding = false);

/// Without padding.
std::string encode_base64url(std::string_view bytes);

}  // namespace cryo::auth
