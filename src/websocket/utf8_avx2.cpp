#include "websocket/utf8_avx2.h"

#if defined(__x86_64__)

#include <array>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

// J. Keiser, D. Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): whether two neighbouring bytes
// may follow each other depends on three half bytes (both of the first, the high one of the second). A table for each
// maps its 16 values to the set of rules that could be broken, one bit a rule; a rule is broken where all three agree.
#define CRYO_AVX2 __attribute__((target("avx2")))

namespace cryo::websocket {
namespace {

/// The half bytes from `first` to `last`, as a set of 16 bits.
constexpr unsigned nibbles(unsigned first, unsigned last) { return ((2U << last) - 1U) & ~((1U << first) - 1U); }

struct Rule {
    unsigned first_high;
    unsigned first_low;
    unsigned second_high;
};
constexpr unsigned kAny = nibbles(0x0, 0xf);
constexpr unsigned kContinuation = nibbles(0x8, 0xb);
constexpr unsigned kFourByteLead = nibbles(0xf, 0xf);

/// The last rule is broken by every continuation byte after another one: right only as third or fourth of a character.
constexpr std::array<Rule, 8> kRules{{
    {nibbles(0xc, 0xf), kAny, nibbles(0x0, 0x7) | nibbles(0xc, 0xf)},           // a lead byte without continuation
    {nibbles(0x0, 0x7), kAny, kContinuation},                                   // a continuation without lead byte
    {nibbles(0xc, 0xc), nibbles(0x0, 0x1), kContinuation},                      // overlong, two bytes
    {nibbles(0xe, 0xe), nibbles(0x0, 0x0), nibbles(0x8, 0x9)},                  // overlong, three bytes
    {nibbles(0xe, 0xe), nibbles(0xd, 0xd), nibbles(0xa, 0xb)},                  // surrogate
    {kFourByteLead, nibbles(0x4, 0xf), nibbles(0x9, 0xb)},                      // above U+10FFFF
    {kFourByteLead, nibbles(0x0, 0x0) | nibbles(0x5, 0xf), nibbles(0x8, 0x8)},  // overlong, four bytes; or above
    {kContinuation, kAny, kContinuation},
}};

/// A table for one half byte, twice, as the shuffle works on each half of a register.
constexpr std::array<std::uint8_t, 32> make_table(unsigned Rule::*nibble) {
    std::array<std::uint8_t, 32> table{};
    for (std::size_t rule = 0; rule < kRules.size(); ++rule) {
        for (std::size_t value = 0; value < table.size(); ++value) {
            if ((kRules[rule].*nibble >> (value % 16) & 1U) != 0) {
                table[value] = static_cast<std::uint8_t>(table[value] | 1U << rule);
            }
        }
    }
    return table;
}
constexpr auto kFirstHigh = make_table(&Rule::first_high);
constexpr auto kFirstLow = make_table(&Rule::first_low);
constexpr auto kSecondHigh = make_table(&Rule::second_high);

CRYO_AVX2 inline __m256i load(const void* bytes) { return _mm256_loadu_si256(static_cast<const __m256i*>(bytes)); }

CRYO_AVX2 inline __m256i high_nibbles(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
}

/// `block` moved on by `N` bytes, with the last of `previous` in front.
template <int N>
CRYO_AVX2 inline __m256i shifted(__m256i block, __m256i previous) {
    return _mm256_alignr_epi8(block, _mm256_permute2x128_si256(previous, block, 0x21), 16 - N);
}

/// All zero unless a rule is broken within `block` or between `previous` and it.
CRYO_AVX2 inline __m256i errors_of(__m256i block, __m256i previous) {
    const __m256i before = shifted<1>(block, previous);
    const __m256i first_high = _mm256_shuffle_epi8(load(kFirstHigh.data()), high_nibbles(before));
    const __m256i first_low =
        _mm256_shuffle_epi8(load(kFirstLow.data()), _mm256_and_si256(before, _mm256_set1_epi8(0x0f)));
    const __m256i second_high = _mm256_shuffle_epi8(load(kSecondHigh.data()), high_nibbles(block));
    const __m256i broken = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);

    // The top bit is set where a third or fourth byte of a character belongs, just where the last rule must be
    // "broken".
    const __m256i third = _mm256_subs_epu8(shifted<2>(block, previous), _mm256_set1_epi8(0xe0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(shifted<3>(block, previous), _mm256_set1_epi8(0xf0 - 0x80));
    const __m256i expected =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(0x80)));
    return _mm256_xor_si256(expected, broken);
}

CRYO_AVX2 bool validate(std::span<const std::byte> bytes) {
    __m256i errors = _mm256_setzero_si256();
    __m256i previous = _mm256_setzero_si256();
    std::size_t at = 0;
    for (; bytes.size() - at >= 32; at += 32) {
        const __m256i block = load(bytes.data() + at);
        if (_mm256_movemask_epi8(_mm256_or_si256(block, previous)) != 0) {
            errors = _mm256_or_si256(errors, errors_of(block, previous));
        }
        previous = block;
    }
    // The rest, with zeros behind it: a character left open breaks the first rule.
    std::array<std::byte, 32> rest{};
    if (at < bytes.size()) std::memcpy(rest.data(), bytes.data() + at, bytes.size() - at);
    errors = _mm256_or_si256(errors, errors_of(load(rest.data()), previous));
    return _mm256_testz_si256(errors, errors) != 0;
}

}  // namespace

bool has_utf8_avx2() noexcept { return __builtin_cpu_supports("avx2") != 0; }

bool is_valid_utf8_avx2(std::span<const std::byte> bytes) noexcept { return validate(bytes); }

}  // namespace cryo::websocket

#else

namespace cryo::websocket {

bool has_utf8_avx2() noexcept { return false; }

bool is_valid_utf8_avx2(std::span<const std::byte>) noexcept { return false; }

}  // namespace cryo::websocket

#endif
