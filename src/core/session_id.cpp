#include <array>
#include <cstdint>
#include <cstring>
#include <new>

#include <openssl/rand.h>

#include <cryo/session_id.h>

#include "http/chars.h"

namespace cryo {
namespace {

constexpr std::size_t kTextLength = 36;

constexpr bool is_dash_position(std::size_t i) noexcept { return i == 8 || i == 13 || i == 18 || i == 23; }

/// Clients pick their ids; without a secret a hostile one could pick ids that all fall into one bucket.
const std::array<std::uint64_t, 2>& hash_seeds() noexcept {
    static const auto seeds = [] {
        std::array<std::uint64_t, 2> random{};
        RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), sizeof random);
        return random;
    }();
    return seeds;
}

}  // namespace

std::optional<SessionId> SessionId::parse(std::string_view text) noexcept {
    if (text.size() != kTextLength) return std::nullopt;
    SessionId id;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_position(i)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const int value = http::hex_value(text[i]);
        if (value < 0) return std::nullopt;
        auto& byte = id.bytes[digits++ / 2];
        byte = byte << 4 | static_cast<std::byte>(value);
    }
    return id;
}

SessionId SessionId::random() {
    SessionId id;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(id.bytes.data()), static_cast<int>(id.bytes.size())) != 1) {
        throw std::bad_alloc();  // no entropy source: as hopeless, and as unlikely, as no memory
    }
    id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x40};  // version 4
    id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};  // variant of RFC 9562
    return id;
}

std::string SessionId::to_string() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text(kTextLength, '-');
    std::size_t at = 0;
    for (const std::byte byte : bytes) {
        if (is_dash_position(at)) ++at;
        text[at++] = kDigits[std::to_integer<unsigned>(byte >> 4)];
        text[at++] = kDigits[std::to_integer<unsigned>(byte & std::byte{0x0f})];
    }
    return text;
}

}  // namespace cryo

std::size_t std::hash<cryo::SessionId>::operator()(const cryo::SessionId& id) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    const auto& seeds = cryo::hash_seeds();
    // Murmur3's finisher over each half, so that every bit of seed and id reaches every bit of the result.
    std::uint64_t mixed = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        mixed ^= halves[i] ^ seeds[i];
        mixed = (mixed ^ (mixed >> 33)) * 0xff51afd7ed558ccdu;
        mixed = (mixed ^ (mixed >> 33)) * 0xc4ceb9fe1a85ec53u;
    }
    return static_cast<std::size_t>(mixed ^ (mixed >> 33));
}
