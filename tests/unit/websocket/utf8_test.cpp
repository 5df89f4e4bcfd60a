#include "websocket/utf8.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "support/utf8_samples.h"

namespace cryo::test {
namespace {

using websocket::is_valid_utf8;
using websocket::Utf8Validator;

std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

enum class Judgement { valid, open, broken };

/// Decodes and judges the code points; `open`: more bytes could still make it valid.
Judgement judge_plainly(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const unsigned lead = static_cast<unsigned char>(text[at++]);
        if (lead < 0x80) continue;
        const unsigned length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc0 || lead > 0xf7) return Judgement::broken;
        unsigned lowest = lead & (0x7fU >> length);
        unsigned highest = lowest;
        bool open = false;
        for (unsigned i = 1; i < length; ++i) {
            open = open || at == text.size();
            const unsigned next = open ? 0x80U : static_cast<unsigned char>(text[at]);
            if (!open) ++at;
            if (next < 0x80 || next > 0xbf) return Judgement::broken;
            lowest = lowest << 6 | (next & 0x3f);
            highest = highest << 6 | (open ? 0x3f : next & 0x3f);
        }
        // Between `lowest` and `highest` there has to be a scalar value that needs this length.
        constexpr unsigned kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
        const bool only_surrogates = lowest >= 0xd800 && highest <= 0xdfff;
        if (highest < kFirst[length] || lowest > 0x10ffff || only_surrogates) return Judgement::broken;
        if (open) return Judgement::open;
    }
    return Judgement::valid;
}

void expect_same(std::string_view text) {
    const Judgement expected = judge_plainly(text);
    ASSERT_EQ(is_valid_utf8(bytes_of(text)), expected == Judgement::valid) << ::testing::PrintToString(text);

    Utf8Validator whole;
    ASSERT_EQ(whole.feed(bytes_of(text)), expected != Judgement::broken) << ::testing::PrintToString(text);
}

/// Any mixture of whole characters, cut ones and noise, mostly near validity.
std::string random_text(std::mt19937& random, std::size_t size, bool with_noise) {
    const auto& good = good_utf8();
    std::string out;
    while (out.size() < size) {
        const auto choice = random() % 100;
        if (with_noise && choice == 0) {
            out += static_cast<char>(random());
        } else if (choice < 50) {
            out += good[random() % good.size()].second;
        } else {
            out.append(random() % 40, 'a');
        }
    }
    return out;
}

TEST(Utf8, EveryPairOfBytesAndEveryLeadWithItsSecondByte) {
    for (unsigned first = 0; first < 256; ++first) {
        for (unsigned second = 0; second < 256; ++second) {
            for (const std::string_view rest : {"", "\x80", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "a"}) {
                std::string sequence{static_cast<char>(first), static_cast<char>(second)};
                sequence += rest;
                expect_same(sequence);
                // Through the vector loop, in the middle of a block, across two and at the end.
                expect_same(std::string(70, 'x') + sequence + std::string(70, 'y'));
                expect_same(std::string(95, 'x') + sequence + std::string(3, 'y'));
                expect_same(std::string(80, 'x') + sequence);
            }
        }
    }
}

TEST(Utf8, EveryCodePoint) {
    for (unsigned point = 0; point < 0x140000; ++point) {
        std::string text;
        const auto put = [&text](unsigned byte) { text += static_cast<char>(byte); };
        if (point < 0x800) {
            if (point >= 0x80) put(0xc0 | point >> 6);
        } else if (point < 0x10000) {
            put(0xe0 | point >> 12);
            put(0x80 | (point >> 6 & 0x3f));
        } else {
            put(0xf0 | point >> 18);
            put(0x80 | (point >> 12 & 0x3f));
            put(0x80 | (point >> 6 & 0x3f));
        }
        put(point < 0x80 ? point : 0x80 | (point & 0x3f));
        const bool valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        ASSERT_EQ(is_valid_utf8(bytes_of(text)), valid) << point;
        const auto in_long_text = std::string(40, 'x') + text + std::string(40, 'x');
        ASSERT_EQ(is_valid_utf8(bytes_of(in_long_text)), valid) << point;
    }
}

TEST(Utf8, EqualsThePlainVersionOnRandomText) {
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
        auto text = random_text(random, random() % 300, i % 2 == 0);
        if (i % 3 == 0 && !text.empty()) text.resize(random() % text.size());
        expect_same(text);
    }
}

TEST(Utf8, CutsMakeNoDifference) {
    std::mt19937 random(11);
    for (int i = 0; i < 5'000; ++i) {
        const auto text = random_text(random, 100 + random() % 400, i % 2 == 0);
        Utf8Validator validator;
        std::size_t at = 0;
        bool valid = true;
        while (valid && at < text.size()) {
            const auto piece = std::string_view(text).substr(at, 1 + random() % 150);
            valid = validator.feed(bytes_of(piece));
            at += piece.size();
            ASSERT_EQ(valid, judge_plainly(std::string_view(text).substr(0, at)) != Judgement::broken);
        }
        ASSERT_EQ(valid && validator.complete(), judge_plainly(text) == Judgement::valid);
    }
}

}  // namespace
}  // namespace cryo::test
