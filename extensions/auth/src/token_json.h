#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <cryo/result.h>

namespace cryo::auth {

using Json = nlohmann::ordered_json;  // as many members as a token has are found faster in a row than in a tree

/// Parses an object whose names are all different, in every object within it too, nested at most `max_depth` deep.
/// Errors: `invalid_argument`; the message quotes nothing of the text.
Result<Json> parse_json_object(std::string_view text, int max_depth);

}  // namespace cryo::auth
