#include "websocket/mask.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cryo::test {
namespace {

using websocket::MaskKey;
using Key = std::array<std::byte, 4>;

constexpr Key kKey{std::byte{0x12}, std::byte{0x9a}, std::byte{0x00}, std::byte{0xff}};

std::vector<std::byte> random_bytes(std::size_t size) {
    std::mt19937 random(static_cast<unsigned>(size));
    std::vector<std::byte> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

std::vector<std::byte> plainly_masked(std::vector<std::byte> bytes, std::size_t phase) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= kKey[(i + phase) % 4];
    return bytes;
}

TEST(Mask, EqualsThePlainLoopAtEverySizeAlignmentAndPhase) {
    for (std::size_t size = 0; size <= 300; ++size) {
        const auto input = random_bytes(size);
        for (std::size_t offset = 0; offset < 17; ++offset) {
            const std::size_t phase = offset % 4;
            const auto key = MaskKey(kKey).advanced(phase);
            const auto expected = plainly_masked(input, phase);

            std::vector<std::byte> in_place(offset + size);
            std::copy(input.begin(), input.end(), in_place.begin() + static_cast<std::ptrdiff_t>(offset));
            websocket::apply_mask(in_place.data() + offset, in_place.data() + offset, size, key);
            ASSERT_TRUE(
                std::equal(expected.begin(), expected.end(), in_place.begin() + static_cast<std::ptrdiff_t>(offset)))
                << size << " at " << offset;

            std::vector<std::byte> copy(size + 1, std::byte{0x5a});
            websocket::apply_mask(copy.data(), input.data(), size, key);
            ASSERT_TRUE(std::equal(expected.begin(), expected.end(), copy.begin())) << size << " at " << offset;
            ASSERT_EQ(copy.back(), std::byte{0x5a}) << size;
        }
    }
}

TEST(Mask, KeyAdvancesByAnyNumberOfBytes) {
    const MaskKey key(kKey);
    EXPECT_EQ(key.advanced(0).word(), key.word());
    EXPECT_EQ(key.advanced(4).word(), key.word());
    EXPECT_EQ(key.advanced(3).advanced(2).word(), key.advanced(1).word());
    EXPECT_EQ(key.advanced((std::uint64_t{1} << 40) + 2).word(), key.advanced(2).word());
}

}  // namespace
}  // namespace cryo::test
