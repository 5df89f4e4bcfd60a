#include "connection/prepared_message.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cryo {
namespace {

TEST(PreparedMessage, HoldsThePayloadAndTheFinishedFrame) {
    const auto message = PreparedMessage::text("hello");
    EXPECT_EQ(message.kind(), MessageKind::text);
    EXPECT_EQ(as_text(message.payload()), "hello");
    EXPECT_EQ(as_text(message.encoded()->frame), std::string("\x81\x05hello", 7));
}

TEST(PreparedMessage, CopiesShareTheBytes) {
    const auto message = PreparedMessage::binary(as_bytes("data"));
    const auto copy = message;
    EXPECT_EQ(copy.payload().data(), message.payload().data());
    EXPECT_EQ(copy.kind(), MessageKind::binary);
}

TEST(PreparedMessage, IsCompressedOnceWhoeverAsksFirst) {
    DeflateOptions options;
    options.enabled = true;
    const auto message = PreparedMessage::text(std::string(10000, 'a'));
    std::vector<const std::byte*> seen(4);
    std::vector<std::thread> threads;
    for (auto& slot : seen) {
        threads.emplace_back([&] { slot = message.encoded()->compressed(options).frame.data(); });
    }
    for (auto& thread : threads) thread.join();
    for (const auto* data : seen) EXPECT_EQ(data, seen[0]);
    const Bytes frame = message.encoded()->compressed(options).frame;
    ASSERT_GT(frame.size(), 2u);
    EXPECT_LT(frame.size(), 200u);
    EXPECT_EQ(std::to_integer<int>(frame[0]), 0xc1) << "final, compressed, text";
}

TEST(PreparedMessage, HasNoCompressedFormWhereThatWouldBeLonger) {
    DeflateOptions options;
    options.enabled = true;
    const auto message = PreparedMessage::text("x7");
    EXPECT_TRUE(message.encoded()->compressed(options).frame.empty());
}

}  // namespace
}  // namespace cryo
