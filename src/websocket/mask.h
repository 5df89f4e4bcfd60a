#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace cryo::websocket {

/// The masking key of a frame (RFC 6455 5.3), as the next four bytes of the endless key stream.
class MaskKey {
public:
    MaskKey() = default;
    explicit MaskKey(std::span<const std::byte, 4> bytes) noexcept { std::memcpy(&word_, bytes.data(), sizeof word_); }

    /// The key as it applies `bytes` further into the payload.
    MaskKey advanced(std::uint64_t bytes) const noexcept {
        const int bits = static_cast<int>(bytes % 4) * 8;
        MaskKey key;
        key.word_ = std::endian::native == std::endian::little ? std::rotr(word_, bits) : std::rotl(word_, bits);
        return key;
    }

    std::uint32_t word() const noexcept { return word_; }

private:
    std::uint32_t word_ = 0;  // first byte of the key at the lowest address
};

/// Writes `size` bytes of `in` to `out`, masked or unmasked; the two may be the same, but not overlap otherwise.
void apply_mask(std::byte* out, const std::byte* in, std::size_t size, MaskKey key) noexcept;

}  // namespace cryo::websocket
