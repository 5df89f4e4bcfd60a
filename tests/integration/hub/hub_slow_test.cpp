// Receivers that do not read: their own backpressure applies, nobody else notices, and the hub counts.

#include "hub_server_fixture.h"

namespace cryo::test {
namespace {

std::string numbered(int number) {
    std::string text = std::to_string(number);
    return text + std::string(1024 - text.size(), ' ');
}

TEST_F(HubServer, ASlowReceiverDropsAndHoldsUpNobody) {
    std::atomic<std::uint64_t> dropped{0};
    WebSocketHandlers handlers;
    handlers.dropped = [&](Connection&, const DroppedMessage& message) { dropped += message.count; };
    start(two_loops(small_options()), std::move(handlers));
    auto slow = join("topic=t", 4096);
    auto quick = join("topic=t");
    int count = 0;
    while (dropped < 100) {
        publish(Target::topic("t"), numbered(count));
        ASSERT_EQ(quick.next(), numbered(count));
        ASSERT_LT(++count, 100'000);
    }
    on_loop(*slow.connection, [] {});
    // What makes room is dropped at once, what was published last waits.
    EXPECT_EQ(hub_->stats().drops, dropped);
    EXPECT_EQ(hub_->stats().deliveries, 2U * static_cast<unsigned>(count));
    int last = -1, got = 0;
    while (last != count - 1) {
        const auto text = slow.next();
        const int number = std::stoi(text);
        ASSERT_GT(number, last);  // in order, none twice
        last = number;
        ++got;
    }
    EXPECT_EQ(static_cast<std::uint64_t>(count - got), dropped);
}

TEST_F(HubServer, SlowReceiversOfOneMessageAreCountedToo) {
    start(two_loops(small_options()));
    auto slow = join("user=ada", 4096);
    std::uint64_t published = 0;
    while (hub_->stats().drops == 0) {
        publish_and_wait(Target::user("ada"), numbered(1));
        ASSERT_LT(++published, 100'000U);
    }
}

/// One that closes, and says so in a callback, while the publication goes round.
TEST_F(HubServer, ADropHandlerMayEndReceiversAndPublish) {
    std::atomic<int> drops{0};
    std::vector<Peer> peers;
    WebSocketHandlers handlers;
    handlers.dropped = [&](Connection& connection, const DroppedMessage&) {
        ++drops;
        const SubscriberPtr& subscriber = subscriber_of(connection);
        subscriber->unsubscribe("t");
        subscriber->detach();
        hub_->publish(Target::topic("t"), PreparedMessage::text("dropped"));
        connection.close(1013);
    };
    start(small_options(), std::move(handlers));
    for (int i = 0; i < 4; ++i) peers.push_back(join("topic=t", 4096));
    auto quick = join("topic=t");
    for (int i = 0; drops < 4; ++i) {
        publish_and_wait(Target::topic("t"), numbered(i));
        while (quick.next() != numbered(i)) {
        }
        ASSERT_LT(i, 100'000);
    }
    EXPECT_EQ(drops, 4);
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "end").receivers, 1U);
    std::string text;
    while (text != "end") text = quick.next();
    EXPECT_EQ(hub_->stats().subscribers, 1U);
}

}  // namespace
}  // namespace cryo::test
