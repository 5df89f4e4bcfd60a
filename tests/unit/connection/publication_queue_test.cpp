#include "connection/publication_queue.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "connection/batch.h"
#include "connection/loop_context.h"
#include "connection/prepared_message.h"

namespace cryo::connection {
namespace {

/// Two groups, without members, of a loop that does not run.
class PublicationQueueTest : public ::testing::Test {
protected:
    std::uint64_t push(const GroupPtr& group, std::string_view text) {
        return queue_.push({.message = PreparedMessage::text(text), .group = group.get()});
    }
    void pop(std::uint64_t last) {
        for (const auto* group : {&red_, &blue_}) queue_.trim(**group, last);
        queue_.pop(last);
    }
    /// What a member of the group is written.
    std::string gathered(const GroupPtr& group, std::uint64_t last) {
        batch_.gather(queue_, *group, last);
        std::string bytes;
        for (const Bytes piece : batch_.pieces()) bytes += as_text(piece);
        EXPECT_EQ(batch_.sent().wire_bytes, bytes.size());
        return bytes;
    }

    LoopContext context_;
    GroupPtr red_ = context_.fan_out.make_group();
    GroupPtr blue_ = context_.fan_out.make_group();
    PublicationQueue queue_;
    Batch batch_;
};

TEST_F(PublicationQueueTest, NumbersInOrderAndKeepsNumbersWhileOthersLeave) {
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.last_number(), 0u);
    for (std::uint64_t number = 1; number <= 5; ++number) EXPECT_EQ(push(red_, std::to_string(number)), number);
    pop(3);
    EXPECT_EQ(queue_.first_number(), 4u);
    EXPECT_EQ(as_text(queue_.at(4).message.payload()), "4");
    EXPECT_EQ(push(blue_, "6"), 6u);
    pop(6);
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.last_number(), 6u);
    EXPECT_EQ(push(red_, "7"), 7u);
}

TEST_F(PublicationQueueTest, LinksThePublicationsOfEachGroup) {
    push(red_, "1");
    push(blue_, "2");
    push(red_, "3");
    EXPECT_EQ(queue_.groups(), 2u);
    EXPECT_EQ(queue_.at(1).next, 3u);
    EXPECT_EQ(queue_.at(2).next, 0u);
    EXPECT_EQ(queue_.at(3).next, 0u);
    queue_.trim(*blue_, 3);
    EXPECT_EQ(queue_.groups(), 1u);
    queue_.trim(*red_, 2);
    EXPECT_EQ(queue_.groups(), 1u);
    EXPECT_EQ(gathered(red_, 3),
              "\x81\x01"
              "3");
    pop(3);
    EXPECT_EQ(queue_.groups(), 0u);
    push(blue_, "4");
    EXPECT_EQ(queue_.groups(), 1u);
    pop(4);
}

TEST_F(PublicationQueueTest, IsLongByBytesAndByCount) {
    for (int i = 0; i < 4095; ++i) push(red_, "");
    EXPECT_FALSE(queue_.is_long());
    push(blue_, "");
    EXPECT_TRUE(queue_.is_long());
    pop(4096);
    EXPECT_FALSE(queue_.is_long());
    push(red_, std::string(1'048'000, 'x'));
    EXPECT_FALSE(queue_.is_long());
    push(blue_, std::string(1'000, 'x'));
    EXPECT_TRUE(queue_.is_long());
    pop(4098);
    EXPECT_FALSE(queue_.is_long());
}

TEST_F(PublicationQueueTest, GathersAGroupsPublicationsUpToANumber) {
    const std::string large(5'000, 'x'), small(10, 's');
    push(red_, "a");
    push(blue_, "b");
    push(red_, large);
    push(red_, small);
    push(red_, "c");
    push(red_, "d");
    const std::string all = std::string(
                                "\x81\x01"
                                "a\x81\x7e\x13\x88") +
                            large + "\x81\x0a" + small +
                            "\x81\x01"
                            "c";
    EXPECT_EQ(gathered(red_, 5), all);
    EXPECT_EQ(batch_.first(), 1u);
    EXPECT_EQ(batch_.last(), 5u);
    EXPECT_EQ(batch_.sent().messages, 4u);
    EXPECT_EQ(batch_.sent().payload_bytes, 1 + large.size() + small.size() + 1);
    EXPECT_EQ(batch_.pieces().size(), 3u) << "small ones are joined, large ones not copied";
    EXPECT_EQ(gathered(blue_, 6),
              "\x81\x01"
              "b");
    EXPECT_EQ(batch_.pieces().front().data(), queue_.at(2).message.encoded()->frame.data()) << "one is not copied";
    pop(6);
}

}  // namespace
}  // namespace cryo::connection
