// A hub's life with its server: before, during and after; reserved connections; the end under traffic.

#include <thread>

#include "hub_server_fixture.h"
#include "support/hub_fakes.h"

namespace cryo::test {
namespace {

TEST_F(HubServer, AConnectionIsLetInWhenItsInterestsAreInEffect) {
    const auto relay = std::make_shared<RecordingRelay>();
    start(TestServer::quick_options(), {}, relay);
    std::optional<Peer> peer;
    std::thread client([&] { peer.emplace(join("id=a&user=ada&topic=t")); });
    EXPECT_TRUE(eventually([&] { return relay->settlement_count() == 1; }));
    EXPECT_TRUE(hub_->interested({hub::Interest::Kind::topic, "t"}));
    EXPECT_EQ(events_.opened.size(), 0U);  // not yet
    relay->take_settlements().at(0)();
    client.join();
    // At once, from another thread: it arrives.
    publish(Target::topic("t"), "x");
    EXPECT_EQ(peer->next(), "x");
}

TEST_F(HubServer, AReservationThatIsNotTakenUpIsGivenBack) {
    const auto relay = std::make_shared<RecordingRelay>();
    start(TestServer::quick_options(), {}, relay);
    HttpClient client(server_->port());
    client.send(WsClient::request("/ws?id=a"));
    EXPECT_TRUE(eventually([&] { return relay->settlement_count() == 1; }));
    EXPECT_TRUE(hub_->interested({hub::Interest::Kind::connection, "a"}));
    relay->take_settlements().clear();  // never answered: refused
    EXPECT_EQ(client.next().value_or(HttpAnswer{}).status, 403);
    EXPECT_TRUE(eventually([&] { return hub_->stats().subscribers == 0; }));
    EXPECT_FALSE(hub_->interested({hub::Interest::Kind::connection, "a"}));
}

TEST_F(HubServer, AConnectionIdCanBeUsedOnceAtATime) {
    start();
    auto a = join("id=a");
    WsClient twin(server_->port(), "/ws?id=a");
    EXPECT_EQ(twin.answer().status, 409);
    a.client.send_close();
    a.connection.reset();
    events_.closed.next();
    EXPECT_TRUE(eventually([&] { return hub_->stats().subscribers == 0; }));
    auto again = join("id=a");
}

TEST_F(HubServer, ClosedConnectionsLeaveNothingBehind) {
    start();
    for (int round = 0; round < 3; ++round) {
        auto peers = join_on_both_loops(5, "user=ada&topic=t" + std::to_string(round));
        const auto count = peers.size();
        EXPECT_EQ(hub_->stats().subscribers, count);
        peers.clear();
        for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(events_.closed.next());
        EXPECT_TRUE(eventually([&] {
            const auto stats = hub_->stats();
            return stats.subscribers == 0 && stats.topics == 0 && stats.subscriptions == 0;
        }));
    }
}

TEST_F(HubServer, CanBeTakenOutOfARunningServer) {
    start();
    auto peers = join_on_both_loops(2, "topic=t");
    ASSERT_TRUE((*server_)->unregister_extension("hub"));
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "x"), (Outcome{0, true}));
    for (auto& peer : peers) {
        EXPECT_TRUE(eventually([&] { return !peer.subscriber()->attached(); }));
        peer.connection->send_text("still here");
        EXPECT_EQ(peer.next(), "still here");
    }
    EXPECT_EQ(hub_->stats().subscribers, 0U);
}

TEST_F(HubServer, CanBePutIntoARunningServer) {
    start();
    ASSERT_TRUE((*server_)->unregister_extension("hub"));
    hub_ = hub::Hub::create().value();
    ASSERT_TRUE((*server_)->register_extension(hub_));
    auto peer = join("topic=t");
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "x"), (Outcome{1, true}));
    EXPECT_EQ(peer.next(), "x");
}

TEST_F(HubServer, ServesOneServer) {
    start();
    TestServer other;
    ASSERT_TRUE(other->register_extension(hub_));
    const auto started = other->start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::wrong_state);
}

TEST_F(HubServer, StopsUnderTraffic) {
    start();
    auto peers = join_on_both_loops(3, "topic=t");
    std::atomic<bool> stop{false};
    std::atomic<int> outcomes{0}, published{0};
    std::vector<std::thread> publishers;
    for (int i = 0; i < 2; ++i) {
        publishers.emplace_back([&] {
            while (!stop) {
                ++published;
                hub_->publish(Target::topic("t"), PreparedMessage::text("x"), [&](Outcome) { ++outcomes; });
                if (published % 50 == 0) std::this_thread::sleep_for(1ms);
            }
        });
    }
    for (auto& peer : peers) EXPECT_EQ(peer.next(), "x");
    (*server_)->stop();
    (*server_)->wait();
    stop = true;
    for (auto& publisher : publishers) publisher.join();
    EXPECT_EQ(outcomes, published);  // each is answered, whatever became of it
    EXPECT_EQ(hub_->stats().subscribers, 0U);
    EXPECT_FALSE(peers[0].subscriber()->attached());
}

TEST_F(HubServer, HandlesMayOutliveServerAndHub) {
    start();
    auto peer = join("topic=t");
    const SubscriberPtr subscriber = peer.subscriber();
    hub_.reset();
    server_.reset();
    EXPECT_FALSE(subscriber->attached());
    EXPECT_EQ(subscriber->subscribe("u").error().code, Errc::wrong_state);
    EXPECT_TRUE(subscriber->topics().empty());
}

}  // namespace
}  // namespace cryo::test
