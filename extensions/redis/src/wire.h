#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <cryo/redis/script.h>

namespace cryo::redis {

using Words = std::span<const std::string_view>;

/// A command as it is sent. At least one word.
std::string encode(Words words);
std::string encode(std::initializer_list<std::string_view> words);

/// A call of the script by its name.
std::string encode_script(const Script& script, Words keys, Words arguments);

/// The same call of the same script, made by EVALSHA, as EVAL with its source.
std::string with_source(std::string_view evalsha, const Script& script);

}  // namespace cryo::redis
