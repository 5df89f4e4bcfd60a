#include "connection/output_buffer.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "connection/prepared_message.h"

namespace cryo::connection {
namespace {

/// What would leave now, without consuming it.
std::string content(const OutputBuffer& buffer) {
    std::vector<Bytes> pieces(1000);
    const std::size_t count = buffer.gather(pieces);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += as_text(pieces[i]);
    return all;
}

TEST(OutputBuffer, GivesBackWhatWasAppendedInOrder) {
    OutputBuffer buffer;
    EXPECT_TRUE(buffer.empty());
    buffer.append(as_bytes("one "));
    const auto room = buffer.extend(4);
    std::ranges::copy(as_bytes("two "), room.begin());
    const auto shared = PreparedMessage::text("three").encoded();
    buffer.append_shared(shared, shared->payload());
    EXPECT_EQ(buffer.bytes(), 13u);
    EXPECT_EQ(content(buffer), "one two three");
}

TEST(OutputBuffer, ConsumesAcrossSegments) {
    OutputBuffer buffer;
    buffer.append(as_bytes(std::string(3000, 'a')));
    buffer.append(as_bytes(std::string(50000, 'b')));
    buffer.consume(3001);
    EXPECT_EQ(buffer.bytes(), 49999u);
    EXPECT_EQ(content(buffer), std::string(49999, 'b'));
    buffer.consume(49999);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(content(buffer), "");
}

TEST(OutputBuffer, ShrinkTakesBackTheLatestBytes) {
    OutputBuffer buffer;
    buffer.append(as_bytes("keep"));
    buffer.extend(100);
    buffer.shrink(100);
    buffer.append(as_bytes(" this"));
    EXPECT_EQ(content(buffer), "keep this");
}

TEST(OutputBuffer, FirstSharedFrameIsNotCopied) {
    OutputBuffer buffer;
    const auto shared = PreparedMessage::text("frame").encoded();
    buffer.append_shared(shared, shared->frame);
    EXPECT_EQ(shared.use_count(), 2);
    std::array<Bytes, 1> piece;
    ASSERT_EQ(buffer.gather(piece), 1u);
    EXPECT_EQ(piece[0].data(), shared->frame.data());
    buffer.consume(buffer.bytes());
    EXPECT_EQ(shared.use_count(), 1) << "the bytes are let go once they have left";
}

TEST(OutputBuffer, SmallSharedFramesBehindOthersAreCopiedTogether) {
    OutputBuffer buffer;
    const auto shared = PreparedMessage::text("frame").encoded();
    buffer.append(as_bytes("x"));
    for (int i = 0; i < 1000; ++i) buffer.append_shared(shared, shared->frame);
    EXPECT_EQ(shared.use_count(), 1);
    std::array<Bytes, 64> pieces;
    EXPECT_LE(buffer.gather(pieces), 3u);
}

TEST(OutputBuffer, GatherFillsNoMorePiecesThanAsked) {
    OutputBuffer buffer;
    const auto shared = PreparedMessage::binary(as_bytes(std::string(5000, 's'))).encoded();
    for (int i = 0; i < 5; ++i) buffer.append_shared(shared, shared->frame);
    std::array<Bytes, 2> pieces;
    EXPECT_EQ(buffer.gather(pieces), 2u);
}

TEST(OutputBuffer, TakesHalfAsMuchMemoryAgainAtMost) {
    const auto shared = PreparedMessage::binary(as_bytes(std::string(5000, 's'))).encoded();
    for (const std::size_t size : {1u, 100u, 6000u, 10'923u, 16'384u, 16'385u, 17'000u, 32'768u, 40'000u, 100'000u}) {
        const std::string piece(size, 'x');
        for (const bool with_pongs : {false, true}) {
            for (const bool with_shared : {false, true}) {
                OutputBuffer buffer;
                while (buffer.bytes() < 2'000'000) {
                    buffer.append(as_bytes(piece));
                    if (with_pongs) buffer.append(as_bytes("pong"));
                    if (with_shared) buffer.append_shared(shared, shared->frame);
                }
                EXPECT_LE(buffer.capacity(), buffer.bytes() / 2 * 3) << size << with_pongs << with_shared;
            }
        }
    }
}

TEST(OutputBuffer, LiesInOnePieceOnceItHasBeenAsLarge) {
    OutputBuffer buffer;
    const std::string reply(20'000, 'x');
    buffer.append(as_bytes("small"));
    buffer.consume(buffer.bytes());
    for (int i = 0; i < 3; ++i) {
        buffer.append(as_bytes(reply));
        EXPECT_EQ(buffer.whole().size(), reply.size());
        buffer.consume(buffer.bytes());
        EXPECT_EQ(buffer.capacity(), reply.size()) << "kept for the next";
    }
}

TEST(OutputBuffer, MatchesAPlainStringUnderRandomUse) {
    std::mt19937 random(7);
    OutputBuffer buffer;
    std::string model;
    const auto shared = PreparedMessage::binary(as_bytes(std::string(5000, 's'))).encoded();
    for (int i = 0; i < 20000; ++i) {
        switch (random() % 4) {
            case 0: {
                const std::string text(random() % 300, static_cast<char>('a' + random() % 26));
                buffer.append(as_bytes(text));
                model += text;
                break;
            }
            case 1:
                buffer.append_shared(shared, shared->frame);
                model += as_text(shared->frame);
                break;
            default: {
                const std::size_t count = std::min<std::size_t>(random() % 9000, model.size());
                std::array<Bytes, 8> pieces;
                const std::size_t used = buffer.gather(pieces);
                std::string head;
                for (std::size_t k = 0; k < used; ++k) head += as_text(pieces[k]);
                ASSERT_EQ(head, model.substr(0, head.size()));
                const std::size_t taken = std::min(count, head.size());
                buffer.consume(taken);
                model.erase(0, taken);
            }
        }
        ASSERT_EQ(buffer.bytes(), model.size());
    }
}

TEST(OutputBufferPool, ReusesWhatWasGivenBackEmpty) {
    OutputBufferPool pool;
    auto buffer = pool.take();
    buffer->append(as_bytes("left over"));
    const auto* address = buffer.get();
    pool.give_back(std::move(buffer));
    buffer = pool.take();
    EXPECT_EQ(buffer.get(), address);
    EXPECT_TRUE(buffer->empty());
}

}  // namespace
}  // namespace cryo::connection
