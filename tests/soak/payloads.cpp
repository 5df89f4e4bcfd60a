#include "soak/payloads.h"

#include <string_view>

namespace soak {

namespace {

/// Text is made of blocks of this size, each valid UTF-8, so that every slice at a block's border is.
constexpr std::uint32_t kBlockBytes = 8;
constexpr std::uint32_t kPoolBytes = 256u << 10;
constexpr std::uint32_t kSmall = 128, kMedium = 4u << 10, kLarge = (64u << 10) - kNumberBytes;

void append(std::vector<std::byte>& out, std::string_view text) {
    for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

void append_block(std::vector<std::byte>& out, Random& random) {
    switch (random.below(4)) {
        case 0:
            return append(out, "d\u00e9j\u00e0 v");
        case 1:
            return append(out, "\u20ac \U0001f9ca");
        default:
            for (std::uint32_t i = 0; i < kBlockBytes; ++i)
                out.push_back(static_cast<std::byte>(' ' + random.below(95)));
    }
}

}  // namespace

std::array<std::byte, kNumberBytes> number_bytes(const Message& message) {
    std::array<std::byte, kNumberBytes> bytes;
    for (std::size_t i = 0; i < kNumberBytes; ++i) {
        const auto digit = message.number >> (4 * (kNumberBytes - 1 - i)) & 0xf;
        bytes[i] = static_cast<std::byte>("0123456789abcdef"[digit]);
    }
    return bytes;
}

Payloads::Payloads(Random& random) : binary_(kPoolBytes) {
    random.fill(binary_);
    while (text_.size() < kPoolBytes) append_block(text_, random);
}

Message Payloads::draw(Random& random) const {
    const auto percent = random.below(100);
    if (percent == 0) return draw_large(random);
    return draw_of(percent < 20 ? kMedium : kSmall, random);
}

Message Payloads::draw_large(Random& random) const {
    auto message = draw_of(kLarge, random);
    message.length = kLarge;
    return message;
}

Message Payloads::draw_of(std::uint32_t most, Random& random) const {
    Message message{.offset = random.below(kPoolBytes - kLarge), .length = random.below(most + 1)};
    if (random.chance(0.5)) {
        message.type = FrameType::utf8data;
        message.offset -= message.offset % kBlockBytes;
        message.length -= message.length % kBlockBytes;
    }
    return message;
}

Bytes Payloads::slice(const Message& message) const {
    const auto& pool = message.type == FrameType::utf8data ? text_ : binary_;
    return Bytes(pool).subspan(message.offset, message.length);
}

}  // namespace soak
