#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>

namespace cryo::test {

using Buffer = std::vector<std::byte>;

/// Bytes of a text of hexadecimal digit pairs.
inline Buffer from_hex(std::string_view text) {
    Buffer bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    }
    return bytes;
}

inline std::string to_hex(Bytes bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += kDigits[std::to_integer<unsigned>(byte >> 4)];
        text += kDigits[std::to_integer<unsigned>(byte & std::byte{0x0f})];
    }
    return text;
}

inline Buffer to_buffer(std::string_view text) {
    const Bytes bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

}  // namespace cryo::test
