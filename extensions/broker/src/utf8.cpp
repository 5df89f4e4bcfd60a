#include "utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cryo::broker {
namespace {

struct Lead {
    std::size_t length;             ///< Of the character; 0: no character begins so.
    unsigned char least, greatest;  ///< Of the second byte, to exclude overlong forms, surrogates and beyond U+10FFFF.
};

Lead classify(unsigned char byte) noexcept {
    if (byte < 0xc2 || byte > 0xf4) return {0, 0, 0};
    if (byte < 0xe0) return {2, 0x80, 0xbf};
    if (byte == 0xe0) return {3, 0xa0, 0xbf};
    if (byte == 0xed) return {3, 0x80, 0x9f};
    if (byte < 0xf0) return {3, 0x80, 0xbf};
    if (byte == 0xf0) return {4, 0x90, 0xbf};
    return {4, 0x80, static_cast<unsigned char>(byte == 0xf4 ? 0x8f : 0xbf)};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = at + text.size();
    while (at < end) {
        std::uint64_t eight = 0;
        while (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080U) == 0)) at += 8;
        if (at == end) break;
        if (*at < 0x80) {
            ++at;
            continue;
        }
        const Lead lead = classify(*at);
        if (lead.length == 0 || static_cast<std::size_t>(end - at) < lead.length) return false;
        if (at[1] < lead.least || at[1] > lead.greatest) return false;
        for (std::size_t i = 2; i < lead.length; ++i) {
            if ((at[i] & 0xc0) != 0x80) return false;
        }
        at += lead.length;
    }
    return true;
}

}  // namespace cryo::broker
