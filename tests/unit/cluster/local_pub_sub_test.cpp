#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/cluster/local_pub_sub.h>

#include "support/manual_loop.h"

namespace cryo::cluster {
namespace {

class LocalPubSubTest : public ::testing::Test {
protected:
    struct Client {
        std::unique_ptr<IPubSub> link{};
        std::vector<std::string> heard{};
        std::vector<Link> states{};
        std::vector<bool> subscribed{};

        bool publish(std::string_view channel, std::string_view text) { return link->publish(channel, as_bytes(text)); }
        void subscribe(std::string_view channel) {
            link->subscribe(channel, [this](Result<> result) { subscribed.push_back(result.ok()); });
        }
        std::vector<std::string> take_heard() { return std::exchange(heard, {}); }
    };

    std::unique_ptr<Client> make_client() {
        auto client = std::make_unique<Client>();
        client->link = broker->connect();
        EXPECT_TRUE(
            client->link
                ->start(loop, {[c = client.get()](std::string_view channel, Bytes payload) {
                                   c->heard.push_back(std::string(channel) + '=' + std::string(as_text(payload)));
                               },
                               [c = client.get()](Link state, std::string_view) { c->states.push_back(state); }})
                .ok());
        return client;
    }

    std::shared_ptr<test::ManualLoop> loop = std::make_shared<test::ManualLoop>();
    std::shared_ptr<LocalBroker> broker =
        LocalBroker::create({.max_payload = 100, .max_channels = 2, .max_waiting_bytes = 50});
};

using Strings = std::vector<std::string>;

TEST_F(LocalPubSubTest, IsUpOnTheNextTurn) {
    const auto client = make_client();
    EXPECT_FALSE(client->publish("c", "early"));
    client->subscribe("c");
    loop->run();
    EXPECT_EQ(client->states, (std::vector<Link>{Link::up}));
    EXPECT_EQ(client->subscribed, (std::vector<bool>{true}));
    EXPECT_TRUE(client->publish("c", "own"));
    EXPECT_TRUE(client->heard.empty()) << "never from within a call";
    loop->run();
    EXPECT_EQ(client->take_heard(), (Strings{"c=own"})) << "one hears oneself";
    const auto stats = client->link->stats();
    EXPECT_EQ(stats.published, 1u);
    EXPECT_EQ(stats.refused, 1u);
    EXPECT_EQ(stats.received, 1u);
    EXPECT_EQ(stats.channels, 1u);
}

TEST_F(LocalPubSubTest, RefusesWhatItCannotDo) {
    const auto client = make_client();
    loop->run();
    EXPECT_FALSE(client->publish("c", std::string(101, 'x')));
    EXPECT_FALSE(client->publish("a b", "x"));
    client->subscribe("a b");
    client->subscribe("1");
    client->subscribe("2");
    client->subscribe("3");
    loop->run();
    EXPECT_EQ(client->subscribed, (std::vector<bool>{false, true, true, false}));
    EXPECT_FALSE(client->link->start(loop, {}).ok());
}

TEST_F(LocalPubSubTest, ACutLinkLosesWhatIsUnderWayAndComesBackWhole) {
    const auto one = make_client();
    const auto two = make_client();
    two->subscribe("c");
    loop->run();
    one->publish("c", "under way");
    broker->set_available(*two->link, false);
    loop->run();
    two->take_heard();  // it may have been quicker
    one->publish("c", "lost");
    two->subscribe("d");
    loop->run();
    EXPECT_EQ(two->subscribed.size(), 1u);
    broker->set_available(*two->link, true);
    loop->run();
    EXPECT_EQ(two->subscribed.size(), 2u);
    EXPECT_EQ(two->states, (std::vector<Link>{Link::up, Link::away, Link::up}));
    one->publish("d", "again");
    loop->run();
    EXPECT_EQ(two->take_heard(), (Strings{"d=again"}));
    EXPECT_EQ(one->states.size(), 1u);
}

TEST_F(LocalPubSubTest, UnsubscribedWhileItWaits) {
    const auto client = make_client();
    client->subscribe("c");
    client->link->unsubscribe("c");
    client->link->unsubscribe("never was");
    loop->run();
    EXPECT_EQ(client->subscribed, (std::vector<bool>{false}));
}

TEST_F(LocalPubSubTest, TooMuchUnderWayIsLostAndCounted) {
    const auto one = make_client();
    const auto two = make_client();
    two->subscribe("c");
    loop->run();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(one->publish("c", "123456789"));
    loop->run();
    EXPECT_EQ(two->take_heard().size(), 5u);
    EXPECT_EQ(two->link->stats().lost, 5u);
}

TEST_F(LocalPubSubTest, StoppedAndDestroyedItIsSilent) {
    const auto one = make_client();
    auto two = make_client();
    two->subscribe("c");
    loop->run();
    one->publish("c", "1");
    two->subscribe("c");
    bool done = false;
    two->link->stop([&] { done = true; });
    loop->run();
    EXPECT_TRUE(done);
    EXPECT_TRUE(two->heard.empty());
    EXPECT_EQ(two->subscribed.size(), 1u);
    auto three = make_client();
    three->subscribe("c");
    loop->run();
    one->publish("c", "2");
    three.reset();
    loop->run();
    EXPECT_TRUE(one->publish("c", "3"));
}

}  // namespace
}  // namespace cryo::cluster
