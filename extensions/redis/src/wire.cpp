#include "wire.h"

#include <cstddef>
#include <new>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>

namespace cryo::redis {

std::string encode(Words words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    texts.reserve(words.size());
    lengths.reserve(words.size());
    for (const auto word : words) {
        texts.push_back(word.data());
        lengths.push_back(word.size());
    }
    char* formatted = nullptr;
    const int length = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(), lengths.data());
    if (length < 0) throw std::bad_alloc();
    std::string wire(formatted, static_cast<std::size_t>(length));
    OPENSSL_cleanse(formatted, wire.size());  // it may hold a password
    redisFreeCommand(formatted);
    return wire;
}

std::string encode(std::initializer_list<std::string_view> words) { return encode(Words(words.begin(), words.size())); }

std::string encode_script(const Script& script, Words keys, Words arguments) {
    const std::string key_count = std::to_string(keys.size());
    std::vector<std::string_view> words{"EVALSHA", script.sha1(), key_count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return encode(words);
}

std::string with_source(std::string_view evalsha, const Script& script) {
    static constexpr std::string_view kName = "$7\r\nEVALSHA\r\n$40\r\n";
    const std::size_t name = evalsha.find("\r\n") + 2;  // after the number of words
    const std::size_t rest = name + kName.size() + script.sha1().size();
    return fmt::format("{}$4\r\nEVAL\r\n${}\r\n{}{}", evalsha.substr(0, name), script.source().size(), script.source(),
                       evalsha.substr(rest));
}

}  // namespace cryo::redis
