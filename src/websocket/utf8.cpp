#include "websocket/utf8.h"

#include <algorithm>
#include <cstring>

#include "websocket/utf8_avx2.h"

namespace cryo::websocket {
namespace {

/// Below this the set-up of the vector loop costs more than it saves.
constexpr std::size_t kMinVectorBytes = 64;

bool is_ascii8(const std::byte* bytes) noexcept {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return (word & 0x8080808080808080U) == 0;
}

/// Bytes at the end that open a character without finishing it; 0 to 3.
std::size_t open_tail_bytes(std::span<const std::byte> bytes) noexcept {
    const std::size_t most = std::min<std::size_t>(3, bytes.size());
    for (std::size_t back = 1; back <= most; ++back) {
        const auto byte = std::to_integer<std::uint8_t>(bytes[bytes.size() - back]);
        if (byte < 0x80) return 0;
        if (byte >= 0xc0) {
            const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return length > back ? back : 0;
        }
    }
    return 0;
}

}  // namespace

// The table of well-formed byte sequences, RFC 3629 4.
bool Utf8Validator::step(std::uint8_t byte) noexcept {
    if (missing_ > 0) {
        if (byte < low_ || byte > high_) return false;
        --missing_;
        low_ = 0x80;
        high_ = 0xbf;
        return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    switch (byte) {
        case 0xe0:
            low_ = 0xa0;
            break;  // no overlong form of three bytes
        case 0xed:
            high_ = 0x9f;
            break;  // no surrogates
        case 0xf0:
            low_ = 0x90;
            break;  // no overlong form of four bytes
        case 0xf4:
            high_ = 0x8f;
            break;  // nothing above U+10FFFF
        default:
            break;
    }
    return true;
}

bool Utf8Validator::feed_scalar(std::span<const std::byte> bytes) noexcept {
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    while (at != end) {
        if (missing_ == 0 && end - at >= 8 && is_ascii8(at)) {
            at += 8;
        } else if (!step(std::to_integer<std::uint8_t>(*at++))) {
            return false;
        }
    }
    return true;
}

bool Utf8Validator::feed(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() < kMinVectorBytes || !has_utf8_avx2()) return feed_scalar(bytes);
    std::size_t head = 0;
    while (missing_ > 0) {
        if (!step(std::to_integer<std::uint8_t>(bytes[head++]))) return false;
    }
    bytes = bytes.subspan(head);
    const std::size_t tail = open_tail_bytes(bytes);
    return is_valid_utf8_avx2(bytes.first(bytes.size() - tail)) && feed_scalar(bytes.last(tail));
}

}  // namespace cryo::websocket
