#include "cale/cipher.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/hex.h"

namespace cryo::cale {
namespace {

using test::Buffer;

constexpr std::array<std::byte, kKeyBytes> kTestKey{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr std::size_t kHeader = 21;

Buffer seal(Sealer& sealer, Bytes frame) {
    Buffer out(frame.size() + kOverheadBytes);
    EXPECT_TRUE(sealer.seal(frame.first(kHeader), frame.subspan(kHeader), out));
    return out;
}

Buffer numbered_frame(unsigned n) {
    Buffer frame(kHeader + n % 100);
    for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(n + i);
    return frame;
}

/// Enough sealed messages, in order, to fill the window twice.
std::vector<Buffer> sealed_messages(std::size_t count) {
    Sealer sealer(kTestKey);
    std::vector<Buffer> messages;
    for (unsigned n = 0; n < count; ++n) messages.push_back(seal(sealer, numbered_frame(n)));
    return messages;
}

bool opens(Opener& opener, Buffer message) { return opener.open(message).has_value(); }

std::uint32_t counter_of(const Buffer& message) {
    std::uint32_t counter = 0;
    for (std::size_t i = 8; i < kIvBytes; ++i) counter = counter << 8 | std::to_integer<std::uint32_t>(message[i]);
    return counter;
}

TEST(Cipher, RoundTripsFramesOfManySizes) {
    Sealer sealer(kTestKey);
    Opener opener(kTestKey);
    for (const std::size_t size : {21u, 22u, 36u, 37u, 100u, 1024u, 65536u, 1048576u}) {
        Buffer frame(size);
        std::mt19937 random(static_cast<unsigned>(size));
        std::generate(frame.begin(), frame.end(), [&] { return static_cast<std::byte>(random()); });
        Buffer message = seal(sealer, frame);
        const auto opened = opener.open(message);
        ASSERT_TRUE(opened);
        EXPECT_TRUE(std::equal(opened->begin(), opened->end(), frame.begin(), frame.end()));
    }
}

TEST(Cipher, NeverLooksLikeAPlainFrame) {
    Sealer sealer(kTestKey);
    const Buffer frame = numbered_frame(7);
    std::uint32_t last = 0;
    for (int i = 0; i < 20'000; ++i) {
        const Buffer message = seal(sealer, frame);
        ASSERT_GT(message[Sealer::kTypeOffset], Sealer::kHighestPlainType);
        last = counter_of(message);
    }
    // 8 of 256 counters are skipped: 20,000 messages use about 20,645.
    EXPECT_GT(last, 20'400u);
    EXPECT_LT(last, 20'900u);
}

TEST(Cipher, RefusesEveryFlippedBitAndCut) {
    const Buffer message = sealed_messages(1)[0];
    Opener opener(kTestKey);
    for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
        Buffer tampered = message;
        tampered[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        EXPECT_FALSE(opens(opener, tampered)) << bit;
    }
    for (std::size_t size = 0; size < message.size(); ++size) {
        EXPECT_FALSE(opens(opener, Buffer(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size))));
    }
    EXPECT_TRUE(opens(opener, message)) << "forgeries must not move the window";
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Cipher, RefusesAnotherKey) {
    auto key = kTestKey;
    key[15] ^= std::byte{1};
    Opener opener(key);
    EXPECT_FALSE(opens(opener, sealed_messages(1)[0]));
}

TEST(Cipher, RefusesReplays) {
    const auto messages = sealed_messages(100);
    Opener opener(kTestKey);
    for (const auto& message : messages) {
        EXPECT_TRUE(opens(opener, message));
        EXPECT_FALSE(opens(opener, message));
    }
    for (const auto& message : messages) EXPECT_FALSE(opens(opener, message));
}

TEST(Cipher, AcceptsMessagesThatOvertakeEachOther) {
    auto messages = sealed_messages(900);
    std::shuffle(messages.begin(), messages.end(), std::mt19937(1));
    Opener opener(kTestKey);
    for (const auto& message : messages) EXPECT_TRUE(opens(opener, message));
    for (const auto& message : messages) EXPECT_FALSE(opens(opener, message));
}

TEST(Cipher, EndsBeforeTheCounterWraps) {
    Sealer sealer(kTestKey, 0xffff'ff00);
    Opener opener(kTestKey);
    const Buffer frame = numbered_frame(1);
    Buffer out(frame.size() + kOverheadBytes);
    int sealed = 0;
    while (sealer.seal(Bytes(frame).first(kHeader), Bytes(frame).subspan(kHeader), out)) {
        ++sealed;
        ASSERT_TRUE(opens(opener, out));
    }
    EXPECT_GT(sealed, 200);
    EXPECT_LE(sealed, 256);
    EXPECT_FALSE(sealer.seal(Bytes(frame).first(kHeader), Bytes(frame).subspan(kHeader), out));
}

TEST(ReplayWindow, TakesEachCounterOnce) {
    ReplayWindow window;
    EXPECT_TRUE(window.fresh(0));
    window.mark(0);
    EXPECT_FALSE(window.fresh(0));
    EXPECT_TRUE(window.fresh(1));
}

TEST(ReplayWindow, EndsAtItsWidth) {
    ReplayWindow window;
    window.mark(5000);
    EXPECT_TRUE(window.fresh(5000 - 1023));
    EXPECT_FALSE(window.fresh(5000 - 1024));
    EXPECT_FALSE(window.fresh(0));
    window.mark(5000 - 1023);
    EXPECT_FALSE(window.fresh(5000 - 1023));
    window.mark(5001);
    EXPECT_FALSE(window.fresh(5001 - 1024));
}

TEST(ReplayWindow, LeapsBeyondItsWidthForgetNothingThatMatters) {
    ReplayWindow window;
    for (std::uint32_t counter = 0; counter < 2000; ++counter) window.mark(counter);
    window.mark(2000 + 1024);
    for (std::uint32_t counter = 2001; counter < 2000 + 1024; ++counter) EXPECT_TRUE(window.fresh(counter));
    EXPECT_FALSE(window.fresh(2000));
    window.mark(0xffff'ffff);
    EXPECT_FALSE(window.fresh(0xffff'ffff));
    EXPECT_TRUE(window.fresh(0xffff'fffe));
    EXPECT_FALSE(window.fresh(0xffff'ffff - 1024));
}

TEST(ReplayWindow, AgreesWithASetOfEverythingSeen) {
    std::mt19937 random(7);
    std::uniform_int_distribution<std::uint32_t> jump(0, 2999);
    ReplayWindow window;
    std::vector<bool> seen(40'000);
    std::uint32_t highest = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto base = static_cast<std::uint32_t>(i);
        const std::uint32_t counter = base + jump(random) - std::min(base, jump(random));
        const bool expected = counter + 1024 > highest && !seen[counter];
        ASSERT_EQ(window.fresh(counter), expected) << counter;
        if (!expected) continue;
        window.mark(counter);
        seen[counter] = true;
        highest = std::max(highest, counter);
    }
}

}  // namespace
}  // namespace cryo::cale
