#include "websocket/mask.h"

#include <array>
#include <cstring>

namespace cryo::websocket {
namespace {

/// Sixteen bytes that GCC and Clang keep in one vector register on every target that has them.
using Vector = std::uint64_t __attribute__((vector_size(16)));

template <class Word>
void mask_word(std::byte* out, const std::byte* in, Word key) noexcept {
    Word word;
    std::memcpy(&word, in, sizeof word);
    word ^= key;
    std::memcpy(out, &word, sizeof word);
}

}  // namespace

void apply_mask(std::byte* out, const std::byte* in, std::size_t size, MaskKey key) noexcept {
    const std::uint32_t key4 = key.word();
    const std::uint64_t key8 = std::uint64_t{key4} << 32 | key4;
    const Vector key16 = {key8, key8};

    std::size_t at = 0;
    for (; size - at >= 4 * sizeof(Vector); at += 4 * sizeof(Vector)) {
        for (std::size_t i = 0; i < 4; ++i)
            mask_word(out + at + i * sizeof(Vector), in + at + i * sizeof(Vector), key16);
    }
    for (; size - at >= sizeof key8; at += sizeof key8) mask_word(out + at, in + at, key8);
    if (size - at >= sizeof key4) {
        mask_word(out + at, in + at, key4);
        at += sizeof key4;
    }
    const auto key_bytes = std::bit_cast<std::array<std::byte, 4>>(key4);
    for (std::size_t i = 0; at < size; ++at, ++i) out[at] = in[at] ^ key_bytes[i];
}

}  // namespace cryo::websocket
