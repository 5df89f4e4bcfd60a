#pragma once
// What every `IPubSub` has to do. Included by the test of each, which says
//   INSTANTIATE_TEST_SUITE_P(Nats, PubSubContract, ::testing::Values(maker), maker_name);

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "integration/cluster/bus_backend.h"
#include "integration/cluster/pub_sub_client.h"

namespace cryo::test {

inline std::string maker_name(const ::testing::TestParamInfo<BusBackendMaker>& info) { return info.param.name; }

class PubSubContract : public ::testing::TestWithParam<BusBackendMaker> {
protected:
    using Strings = std::vector<std::string>;

    std::unique_ptr<PubSubClient> connect() { return std::make_unique<PubSubClient>(backend->connect()); }
    std::unique_ptr<PubSubClient> connect_up() {
        auto client = connect();
        EXPECT_TRUE(client->started());
        EXPECT_TRUE(eventually([&] { return client->up(); }));
        return client;
    }
    static Strings numbered(int first, int count, std::string_view text = "") {
        Strings result;
        for (int i = first; i < first + count; ++i) result.push_back(std::to_string(i) + std::string(text));
        return result;
    }
    /// Publishes until it arrives: after a cut, links come up at different times.
    static bool reaches(PubSubClient& from, PubSubClient& to, std::string_view channel) {
        return eventually([&] {
            if (!from.up() || !to.up()) return false;
            from.publish(channel, "probe");
            return !to.heard_on(channel).empty() && to.heard_on(channel).back() == "probe";
        });
    }

    std::unique_ptr<BusBackend> backend = GetParam().make();
};

TEST_P(PubSubContract, SubscribersGetWhatIsPublishedInOrder) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(one->subscribe("c:x"));
    ASSERT_TRUE(two->subscribe("c:x"));
    const auto sent = numbered(0, 1000);
    EXPECT_EQ(one->publish_all("c:x", sent), sent.size());
    for (auto* client : {one.get(), two.get()}) {
        EXPECT_TRUE(eventually([&] { return client->heard_on("c:x").size() >= sent.size(); }));
        EXPECT_EQ(client->heard_on("c:x"), sent) << "the publisher hears itself as well";
    }
    EXPECT_EQ(one->stats().published, sent.size());
    EXPECT_EQ(two->stats().received, sent.size());
    EXPECT_EQ(two->stats().channels, 1u);
    EXPECT_EQ(two->states(), (std::vector<cluster::Link>{cluster::Link::up}));
}

TEST_P(PubSubContract, PayloadsAreAnyBytes) {
    const auto client = connect_up();
    ASSERT_TRUE(client->subscribe("c"));
    Strings sent{"", std::string("\0\r\n \xff$*", 7), std::string(100'000, '\0'),
                 std::string(std::min<std::size_t>(client->max_payload(), 1u << 20), 'x')};
    EXPECT_EQ(client->publish_all("c", sent), sent.size());
    EXPECT_TRUE(eventually([&] { return client->heard().size() >= sent.size(); }));
    EXPECT_TRUE(client->heard_on("c") == sent);
}

TEST_P(PubSubContract, ChannelsDoNotMix) {
    const auto client = connect_up();
    const std::string longest = "c:" + std::string(cluster::kMaxChannelBytes - 2, '=');
    for (const auto& channel : {std::string("c:a"), std::string("C:a"), longest}) {
        ASSERT_TRUE(client->subscribe(channel));
    }
    client->publish("c:a:b", "nobody's");
    client->publish("c", "nobody's");
    client->publish("c:a", "1");
    client->publish("C:a", "2");
    client->publish(longest, "3");
    EXPECT_TRUE(eventually([&] { return client->heard().size() >= 3; }));
    EXPECT_EQ(client->heard_on("c:a"), Strings{"1"});
    EXPECT_EQ(client->heard_on("C:a"), Strings{"2"});
    EXPECT_EQ(client->heard_on(longest), Strings{"3"});
}

TEST_P(PubSubContract, ASubscriptionIsInEffectWhenItSaysSo) {
    const auto one = connect_up();
    const auto two = connect_up();
    for (int i = 0; i < 200; ++i) {
        const auto channel = "c:" + std::to_string(i);
        ASSERT_TRUE(two->subscribe(channel));
        ASSERT_TRUE(one->publish(channel, "at once"));
    }
    EXPECT_TRUE(eventually([&] { return two->heard().size() >= 200; }));
    EXPECT_EQ(two->heard().size(), 200u);
}

TEST_P(PubSubContract, SubscribedTwiceIsOnce) {
    const auto client = connect_up();
    ASSERT_TRUE(client->subscribe("c"));
    ASSERT_TRUE(client->subscribe("c"));
    client->publish("c", "1");
    client->unsubscribe("c");
    client->unsubscribe("c");
    ASSERT_TRUE(client->subscribe("d"));
    client->publish("c", "2");
    client->publish("d", "3");
    EXPECT_TRUE(eventually([&] { return !client->heard_on("d").empty(); }));
    EXPECT_LE(client->heard_on("c").size(), 1u);
    EXPECT_EQ(client->stats().channels, 1u);
}

TEST_P(PubSubContract, SubscribingAgainAtOnceWorks) {
    const auto client = connect_up();
    ASSERT_TRUE(client->subscribe("c"));
    for (int i = 0; i < 20; ++i) {
        const auto first = client->begin_subscribe("c");
        client->unsubscribe("c");
        const auto second = client->begin_subscribe("c");
        ASSERT_TRUE(first->next());
        const auto result = second->next();
        ASSERT_TRUE(result && result->ok());
        client->publish("c", std::to_string(i));
        ASSERT_TRUE(eventually(
            [&] { return !client->heard().empty() && client->heard().back().payload == std::to_string(i); }));
    }
    EXPECT_EQ(client->heard_on("c"), numbered(0, 20));
}

TEST_P(PubSubContract, RefusesWhatItCannotCarry) {
    const auto client = connect_up();
    EXPECT_FALSE(client->publish("a b", "x"));
    EXPECT_FALSE(client->publish("", "x"));
    EXPECT_FALSE(client->publish(std::string(cluster::kMaxChannelBytes + 1, 'c'), "x"));
    EXPECT_FALSE(client->subscribe("a*"));
    EXPECT_FALSE(client->subscribe("a::b"));
    if (client->max_payload() <= 64u << 20) {
        EXPECT_FALSE(client->publish("c", std::string(client->max_payload() + 1, 'x')));
        EXPECT_EQ(client->stats().refused, 4u);
    }
    EXPECT_TRUE(client->up());
}

TEST_P(PubSubContract, TheServerMayComeLater) {
    backend->stop_server();
    const auto client = connect();
    EXPECT_TRUE(client->started()) << "a server that is not there is no error";
    const auto waiting = client->begin_subscribe("c");
    EXPECT_FALSE(client->publish("c", "nobody hears it"));
    EXPECT_EQ(waiting->size(), 0u);
    backend->start_server();
    const auto result = waiting->next();
    ASSERT_TRUE(result && result->ok());
    EXPECT_TRUE(reaches(*client, *client, "c"));
    EXPECT_GE(client->stats().refused, 1u);
}

TEST_P(PubSubContract, ACutLinkComesBackWithItsSubscriptions) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(two->subscribe("old"));
    ASSERT_TRUE(two->subscribe("given-up"));
    backend->cut(1);
    ASSERT_TRUE(eventually([&] { return !two->up(); }));
    EXPECT_FALSE(two->publish("old", "lost"));
    EXPECT_TRUE(one->up());
    one->publish("old", "missed");
    two->unsubscribe("given-up");
    const auto waiting = two->begin_subscribe("new");
    EXPECT_EQ(waiting->size(), 0u);
    backend->restore(1);
    const auto result = waiting->next();
    ASSERT_TRUE(result && result->ok());
    ASSERT_TRUE(eventually([&] { return two->up(); }));
    EXPECT_EQ(two->states(), (std::vector<cluster::Link>{cluster::Link::up, cluster::Link::away, cluster::Link::up}));
    EXPECT_EQ(two->stats().connects, 2u);
    one->publish("given-up", "x");
    one->publish("old", "1");
    one->publish("new", "2");
    EXPECT_TRUE(eventually([&] { return two->heard().size() >= 2; }));
    EXPECT_EQ(two->heard_on("old"), Strings{"1"});
    EXPECT_EQ(two->heard_on("new"), Strings{"2"});
    EXPECT_EQ(two->heard().size(), 2u);
}

TEST_P(PubSubContract, NothingComesTwiceThroughManyCuts) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(two->subscribe("c"));
    int next = 0;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 50; ++i) one->publish("c", std::to_string(next++));
        backend->cut(1);
        for (int i = 0; i < 50; ++i) one->publish("c", std::to_string(next++));
        ASSERT_TRUE(eventually([&] { return !two->up(); }));
        backend->restore(1);
        ASSERT_TRUE(eventually([&] { return two->up(); }));
    }
    one->publish("c", std::to_string(next));
    ASSERT_TRUE(eventually([&] {
        const auto heard = two->heard_on("c");
        return !heard.empty() && heard.back() == std::to_string(next);
    }));
    int before = -1;
    for (const auto& payload : two->heard_on("c")) {
        EXPECT_GT(std::stoi(payload), before) << "in order, and once";
        before = std::stoi(payload);
    }
}

TEST_P(PubSubContract, AServerMayStartAnew) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(two->subscribe("c"));
    backend->stop_server();
    ASSERT_TRUE(eventually([&] { return !one->up() && !two->up(); }));
    EXPECT_FALSE(one->publish("c", "lost"));
    backend->start_server();
    EXPECT_TRUE(reaches(*one, *two, "c"));
    const auto heard = two->heard_on("c");
    EXPECT_EQ(std::count(heard.begin(), heard.end(), "lost"), 0);
}

TEST_P(PubSubContract, StoppingSendsWhatWasAcceptedAndIsSilent) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(one->subscribe("c"));
    ASSERT_TRUE(two->subscribe("c"));
    const auto sent = numbered(0, 500, std::string(1000, 'x'));
    EXPECT_EQ(one->publish_all("c", sent), sent.size());
    EXPECT_TRUE(one->stop());
    EXPECT_TRUE(eventually([&] { return two->heard().size() >= sent.size(); }));
    EXPECT_TRUE(two->heard_on("c") == sent);
    const auto heard = one->heard().size();
    two->publish("c", "after the end");
    EXPECT_TRUE(eventually([&] { return two->heard().size() > sent.size(); }));
    EXPECT_EQ(one->heard().size(), heard);
    EXPECT_EQ(one->states().size(), 1u);
    EXPECT_FALSE(one->publish("c", "x"));
}

TEST_P(PubSubContract, StopsAndGoesAlsoWhileAway) {
    backend->stop_server();
    const auto one = connect();
    const auto two = connect();
    one->begin_subscribe("c");
    EXPECT_TRUE(one->stop());
    two->begin_subscribe("c");
    two->destroy();
    backend->start_server();
    EXPECT_TRUE(one->states().empty());
    EXPECT_TRUE(two->states().empty());
}

TEST_P(PubSubContract, AFloodIsBoundedInOrderAndAccountedFor) {
    const auto one = connect_up();
    const auto two = connect_up();
    ASSERT_TRUE(two->subscribe("c"));
    constexpr int kCount = 20'000;
    std::size_t accepted = 0;
    for (int i = 0; i < kCount; i += 1000) {
        accepted += one->publish_all("c", numbered(i, 1000, " " + std::string(1000, 'x')));
    }
    EXPECT_EQ(one->stats().published, accepted);
    EXPECT_EQ(one->stats().published + one->stats().refused, static_cast<std::uint64_t>(kCount));
    ASSERT_TRUE(eventually([&] {  // what was lost may have been the end, so something more has to follow
        one->publish("c", std::to_string(kCount));
        const auto heard = two->heard_on("c");
        return !heard.empty() && std::stoi(heard.back()) == kCount;
    }));
    int before = -1;
    for (const auto& payload : two->heard_on("c")) {
        const int number = std::stoi(payload);
        EXPECT_TRUE(number > before || number == kCount);
        before = number;
    }
    EXPECT_TRUE(two->up());
}

TEST_P(PubSubContract, ManyChannelsComeBackTogether) {
    const auto one = connect_up();
    const auto two = connect_up();
    std::vector<PubSubClient::Outcome> outcomes;
    for (int i = 0; i < 2000; ++i) outcomes.push_back(two->begin_subscribe("c:" + std::to_string(i)));
    for (const auto& outcome : outcomes) ASSERT_TRUE(outcome->next().has_value());
    EXPECT_EQ(two->stats().channels, 2000u);
    backend->cut(1);
    ASSERT_TRUE(eventually([&] { return !two->up(); }));
    backend->restore(1);
    ASSERT_TRUE(eventually([&] { return two->up(); }));
    for (int i = 0; i < 2000; ++i) one->publish("c:" + std::to_string(i), "again");
    EXPECT_TRUE(eventually([&] { return two->heard().size() >= 2000; }));
    EXPECT_EQ(two->heard().size(), 2000u);
}

}  // namespace cryo::test
