#include "connection/send_queue.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "connection/prepared_message.h"

namespace cryo::connection {
namespace {

class SendQueueTest : public testing::Test {
protected:
    SendStatus push(std::string_view text, std::string_view key = {}, MessageKind kind = MessageKind::text) {
        dropped.clear();
        return queue.push({kind, as_bytes(text), key}, dropped);
    }

    std::vector<std::string> drain() {
        std::vector<std::string> all;
        while (!queue.empty()) all.emplace_back(as_text(queue.pop_front().payload()));
        return all;
    }

    Backpressure limits{.max_queued_bytes = 10, .max_queue_count = 3};
    SendQueue queue{limits};
    std::vector<SendQueue::Dropped> dropped{};
};

using Texts = std::vector<std::string>;

TEST_F(SendQueueTest, KeepsOrderAndCountsBytes) {
    EXPECT_EQ(push("one"), SendStatus::queued);
    EXPECT_EQ(push("two"), SendStatus::queued);
    EXPECT_EQ(queue.count(), 2u);
    EXPECT_EQ(queue.bytes(), 6u);
    EXPECT_EQ(drain(), (Texts{"one", "two"}));
    EXPECT_EQ(queue.bytes(), 0u);
}

TEST_F(SendQueueTest, DropOldestEvictsUntilTheNewOneFitsTheBytes) {
    push("aaa");
    push("bbb");
    push("ccc");
    EXPECT_EQ(push("12345678"), SendStatus::queued);
    ASSERT_EQ(dropped.size(), 3u);
    for (const auto& drop : dropped) EXPECT_EQ(drop.reason, DropReason::queue_full);
    EXPECT_EQ(as_text(dropped[0].item.payload()), "aaa");
    EXPECT_EQ(drain(), (Texts{"12345678"}));
}

TEST_F(SendQueueTest, DropOldestHoldsTheCountToo) {
    for (const char* text : {"a", "b", "c", "d"}) EXPECT_EQ(push(text), SendStatus::queued);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(drain(), (Texts{"b", "c", "d"}));
}

TEST_F(SendQueueTest, DropNewestRefusesWhatDoesNotFit) {
    limits.drop_policy = DropPolicy::drop_newest;
    push("aaaaa");
    EXPECT_EQ(push("bbbbbb"), SendStatus::dropped);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(as_text(dropped[0].item.payload()), "bbbbbb");
    EXPECT_EQ(push("bbbbb"), SendStatus::queued);
    EXPECT_EQ(drain(), (Texts{"aaaaa", "bbbbb"}));
}

TEST_F(SendQueueTest, MessageLargerThanTheCapIsRefusedAndNothingElseLost) {
    push("a");
    EXPECT_EQ(push("12345678901"), SendStatus::too_large);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(dropped[0].reason, DropReason::too_large);
    EXPECT_EQ(drain(), (Texts{"a"}));
}

TEST_F(SendQueueTest, DedupeKeyReplacesAndDoesNotOvertake) {
    limits.drop_policy = DropPolicy::dedupe_latest;
    push("p1", "p");
    push("q1", "q");
    EXPECT_EQ(push("p2", "p"), SendStatus::queued);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(dropped[0].reason, DropReason::duplicate);
    EXPECT_EQ(as_text(dropped[0].item.payload()), "p1");
    EXPECT_EQ(drain(), (Texts{"q1", "p2"}));
}

TEST_F(SendQueueTest, WithoutKeyAnIdenticalPayloadOfTheSameKindIsQueuedOnce) {
    limits.drop_policy = DropPolicy::dedupe_latest;
    push("same");
    EXPECT_EQ(push("same"), SendStatus::queued);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(dropped[0].reason, DropReason::duplicate);
    EXPECT_EQ(push("same", {}, MessageKind::binary), SendStatus::queued);
    EXPECT_TRUE(dropped.empty());
    EXPECT_EQ(queue.count(), 2u);
}

TEST_F(SendQueueTest, AKeyedMessageIsNotTakenForAnUnkeyedOneOfTheSameBytes) {
    limits.drop_policy = DropPolicy::dedupe_latest;
    push("x", "key");
    EXPECT_EQ(push("x"), SendStatus::queued);
    EXPECT_TRUE(dropped.empty());
    EXPECT_EQ(queue.count(), 2u);
}

TEST_F(SendQueueTest, DedupeFallsBackToDropOldestWhenFull) {
    limits.drop_policy = DropPolicy::dedupe_latest;
    for (const char* text : {"a", "b", "c", "d"}) push(text);
    ASSERT_EQ(dropped.size(), 1u);
    EXPECT_EQ(dropped[0].reason, DropReason::queue_full);
    EXPECT_EQ(drain(), (Texts{"b", "c", "d"}));
}

TEST_F(SendQueueTest, WithoutTheDedupePolicyNothingIsReplaced) {
    push("a", "key");
    push("b", "key");
    EXPECT_EQ(drain(), (Texts{"a", "b"}));
}

TEST_F(SendQueueTest, KeysCountForTheBytes) {
    push("abc", "12345");
    EXPECT_EQ(queue.bytes(), 8u);
    EXPECT_EQ(push("123456", "12345"), SendStatus::too_large);
}

TEST_F(SendQueueTest, PreparedMessagesAreSharedNotCopied) {
    const auto prepared = PreparedMessage::text("shared");
    queue.push({MessageKind::text, prepared.payload(), {}, &prepared.encoded()}, dropped);
    const auto item = queue.pop_front();
    EXPECT_EQ(item.payload().data(), prepared.payload().data());
    ASSERT_NE(item.message().prepared, nullptr);
    EXPECT_EQ(*item.message().prepared, prepared.encoded());
}

}  // namespace
}  // namespace cryo::connection
