#include <array>
#include <cstddef>

#include <cryo/redis/client.h>

namespace cryo::redis {
namespace {

/// CRC-16/XMODEM, a byte at a time.
constexpr std::array<std::uint16_t, 256> make_table() {
    std::array<std::uint16_t, 256> table{};
    for (std::size_t byte = 0; byte < table.size(); ++byte) {
        unsigned rest = static_cast<unsigned>(byte) << 8;
        for (int bit = 0; bit < 8; ++bit) rest = (rest << 1) ^ ((rest & 0x8000u) ? 0x1021u : 0u);
        table[byte] = static_cast<std::uint16_t>(rest);
    }
    return table;
}

constexpr auto kTable = make_table();

constexpr std::uint16_t crc16(std::string_view text) noexcept {
    unsigned rest = 0;
    for (const char c : text) rest = (rest << 8) ^ kTable[((rest >> 8) ^ static_cast<unsigned char>(c)) & 0xffu];
    return static_cast<std::uint16_t>(rest);
}

static_assert(crc16("123456789") == 0x31c3);

/// The part between the first `{` and the next `}`, unless it is empty; else all of it.
constexpr std::string_view hashed_part(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return key;
    const std::size_t close = key.find('}', open + 1);
    if (close == std::string_view::npos || close == open + 1) return key;
    return key.substr(open + 1, close - open - 1);
}

}  // namespace

std::uint16_t slot_of_key(std::string_view key) noexcept { return crc16(hashed_part(key)) % 16384u; }

}  // namespace cryo::redis
