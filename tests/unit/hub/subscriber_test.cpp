// Subscribers: how they come and go, their ids, and the limits they meet.

#include <set>

#include "hub_fixture.h"

namespace cryo::test {
namespace {

class HubSubscriber : public HubTest {
protected:
    Result<SubscriberPtr> try_attach(Attachment attachment) {
        receivers_.push_back(std::make_shared<FakeReceiver>());
        return loop(0).on([&] { return hub_->attach(receivers_.back(), std::move(attachment)); });
    }
    std::vector<std::shared_ptr<FakeReceiver>> receivers_{};
};

TEST_F(HubSubscriber, GetsARandomIdOrTheOneItBrings) {
    std::set<std::string> ids;
    std::vector<Peer> peers;
    for (int i = 0; i < 100; ++i) {
        peers.push_back(attach(0));
        EXPECT_EQ(peers.back().subscriber->id().size(), 32U);
        ids.insert(peers.back().subscriber->id());
    }
    EXPECT_EQ(ids.size(), 100U);
    EXPECT_EQ(attach(0, {.id = "mine"}).subscriber->id(), "mine");
}

TEST_F(HubSubscriber, IdsAreTakenUntilItIsDetached) {
    auto first = try_attach({.id = "a"});
    ASSERT_TRUE(first);
    EXPECT_EQ(try_attach({.id = "a"}).error().code, Errc::duplicate);
    loop(0).on([&] { (*first)->detach(); });
    EXPECT_TRUE(try_attach({.id = "a"}));
}

TEST_F(HubSubscriber, IsDetachedWithItsLastHandleFromAnyThread) {
    auto a = attach(0, {.id = "a", .user = "ada", .topics = {"t"}});
    auto b = attach(0, {.id = "b", .topics = {"t"}});
    loop(0).on([&] { a.subscriber.reset(); });
    EXPECT_EQ(hub_->stats().subscribers, 1U);
    EXPECT_EQ(hub_->stats().topics, 1U);
    b.subscriber.reset();  // not the loop's thread
    EXPECT_EQ(hub_->stats().subscribers, 1U);
    run_all();
    EXPECT_EQ(hub_->stats().subscribers, 0U);
    EXPECT_EQ(hub_->stats().topics, 0U);
    EXPECT_EQ(hub_->stats().subscriptions, 0U);
    EXPECT_FALSE(hub_->interested({hub::Interest::Kind::user, "ada"}));
}

TEST_F(HubSubscriber, DoesNothingAnyMoreOnceDetached) {
    const auto a = attach(0, {"t"});
    loop(0).on([&] {
        a.subscriber->detach();
        EXPECT_FALSE(a.subscriber->attached());
        EXPECT_EQ(a.subscriber->subscribe("t").error().code, Errc::wrong_state);
        EXPECT_EQ(a.subscriber->identify("ada").error().code, Errc::wrong_state);
        EXPECT_FALSE(a.subscriber->unsubscribe("t"));
        EXPECT_FALSE(a.subscriber->subscribed("t"));
        a.subscriber->detach();
    });
    EXPECT_EQ(publish_and_count(Target::topic("t"), "x").receivers, 0U);
}

TEST_F(HubSubscriber, IsUsedOnItsLoopOnly) {
    const auto a = attach(0);
    EXPECT_EQ(a.subscriber->subscribe("t").error().code, Errc::wrong_state);
    EXPECT_EQ(loop(1).on([&] { return a.subscriber->subscribe("t"); }).error().code, Errc::wrong_state);
    EXPECT_EQ(hub_->attach(a.receiver).error().code, Errc::wrong_state);
}

TEST_F(HubSubscriber, SubscribesOnceAndKeepsTheOrderOfItsTopics) {
    const auto a = attach(0, {"1", "2"});
    loop(0).on([&] {
        EXPECT_TRUE(a.subscriber->subscribe("3").value());
        EXPECT_FALSE(a.subscriber->subscribe("3").value());
        EXPECT_TRUE(a.subscriber->unsubscribe("1"));
        EXPECT_FALSE(a.subscriber->unsubscribe("1"));
        EXPECT_TRUE(a.subscriber->subscribe("1").value());
        EXPECT_TRUE(a.subscriber->subscribed("1"));
        EXPECT_THAT(a.subscriber->topics(), ElementsAre("2", "3", "1"));
    });
    EXPECT_EQ(hub_->stats().subscriptions, 3U);
}

/// Members of a topic take each other's places in it when one leaves.
TEST_F(HubSubscriber, LeavesTheOthersWhereTheyAre) {
    std::vector<Peer> peers;
    for (int i = 0; i < 20; ++i) peers.push_back(attach(0, {"a", "b", "c"}));
    loop(0).on([&] {
        for (std::size_t i = 0; i < peers.size(); i += 2) peers[i].subscriber->unsubscribe(i % 4 == 0 ? "a" : "b");
        for (std::size_t i = 0; i < peers.size(); i += 5) peers[i].subscriber->detach();
    });
    for (const char* topic : {"a", "b", "c"}) publish_and_count(Target::topic(topic), topic);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        std::vector<std::string> expected{"a", "b", "c"};
        if (i % 2 == 0) std::erase(expected, i % 4 == 0 ? "a" : "b");
        if (i % 5 == 0) expected.clear();
        EXPECT_EQ(peers[i].got(), expected) << i;
    }
}

TEST_F(HubSubscriber, CanBecomeAnotherUsers) {
    const auto a = attach(0, {.user = "guest", .session = "1"});
    ASSERT_TRUE(loop(0).on([&] { return a.subscriber->identify("ada", "2"); }));
    EXPECT_EQ(publish_and_count(Target::user("guest"), "no").receivers, 0U);
    EXPECT_EQ(publish_and_count(Target::session("ada", "2"), "yes").receivers, 1U);
    ASSERT_TRUE(loop(0).on([&] { return a.subscriber->identify("", ""); }));
    EXPECT_EQ(publish_and_count(Target::user("ada"), "no").receivers, 0U);
}

TEST_F(HubSubscriber, CanBeReservedAndBoundLater) {
    auto reserved = loop(0).on([&] { return hub_->reserve({.id = "a", .user = "ada", .topics = {"t"}}); });
    ASSERT_TRUE(reserved);
    EXPECT_EQ(try_attach({.id = "a"}).error().code, Errc::duplicate);
    EXPECT_TRUE(hub_->interested({hub::Interest::Kind::topic, "t"}));
    EXPECT_EQ(publish_and_count(Target::topic("t"), "early"), (Outcome{0, true}));
    EXPECT_EQ(hub_->stats().drops, 1U);
    std::optional<hub::Listing> listing;
    hub_->list(Target::everybody(), [&](hub::Listing told) { listing = std::move(told); });
    run_all();
    EXPECT_THAT(listing.value().subscribers, IsEmpty());

    const auto receiver = std::make_shared<FakeReceiver>();
    publish(Target::topic("t"), "on its way");  // reaches the loop after the binding
    ASSERT_TRUE(loop(0).on([&] { return (*reserved)->bind(receiver); }));
    EXPECT_EQ(loop(0).on([&] { return (*reserved)->bind(receiver); }).error().code, Errc::wrong_state);
    EXPECT_EQ(publish_and_count(Target::user("ada"), "x").receivers, 1U);
    EXPECT_THAT(receiver->got, ElementsAre("on its way", "x"));
}

TEST_F(HubSubscriber, IsNotMadeForAReceiverThatIsClosing) {
    const auto receiver = std::make_shared<FakeReceiver>();
    receiver->open = false;
    EXPECT_EQ(loop(0).on([&] { return hub_->attach(receiver); }).error().code, Errc::wrong_state);
    auto reserved = loop(0).on([&] { return hub_->reserve({}); });
    EXPECT_EQ(loop(0).on([&] { return (*reserved)->bind(receiver); }).error().code, Errc::wrong_state);
    EXPECT_EQ(hub_->stats().subscribers, 1U);
}

TEST_F(HubSubscriber, KeepsWithinTheLimits) {
    start({.max_topic_bytes = 4,
           .max_id_bytes = 32,
           .max_topics_per_subscriber = 2,
           .max_topics = 3,
           .max_subscribers = 3});
    const auto refused = [&](Attachment attachment) { return try_attach(std::move(attachment)).error().code; };
    const std::string long_id(33, 'x');
    EXPECT_EQ(refused({.id = long_id}), Errc::invalid_argument);
    EXPECT_EQ(refused({.user = long_id}), Errc::invalid_argument);
    EXPECT_EQ(refused({.session = long_id}), Errc::invalid_argument);
    EXPECT_EQ(refused({.topics = {"12345"}}), Errc::invalid_argument);
    EXPECT_EQ(refused({.topics = {"a", ""}}), Errc::invalid_argument);
    EXPECT_EQ(refused({.topics = {"a", "b", "c"}}), Errc::invalid_argument);
    EXPECT_EQ(hub_->stats().subscribers, 0U);
    EXPECT_EQ(hub_->stats().topics, 0U);

    const auto a = attach(0, {"1", "2"}), b = attach(0, {"3"});
    EXPECT_EQ(refused({.topics = {"4"}}), Errc::invalid_argument);
    const auto c = try_attach({.topics = {"1", "1234"}});  // not a new one, then one too many
    EXPECT_EQ(c.error().code, Errc::invalid_argument);
}

TEST_F(HubSubscriber, TheTopicLimitIsForTheWholeNode) {
    start({.max_topics = 2, .max_subscribers = 2});
    const auto a = attach(0, {"1", "2"}), b = attach(1, {"1"});
    EXPECT_EQ(loop(1).on([&] { return b.subscriber->subscribe("3"); }).error().code, Errc::invalid_argument);
    EXPECT_TRUE(loop(1).on([&] { return b.subscriber->subscribe("2"); }));
    EXPECT_EQ(try_attach({}).error().code, Errc::invalid_argument);
    loop(0).on([&] { a.subscriber->unsubscribe("1"); });
    loop(1).on([&] { b.subscriber->unsubscribe("1"); });
    EXPECT_TRUE(loop(1).on([&] { return b.subscriber->subscribe("3"); }));
}

TEST_F(HubSubscriber, AChangeThatExceedsALimitSaysSo) {
    start({.max_topics_per_subscriber = 1});
    const auto a = attach(0, {"full"}), b = attach(0, std::initializer_list<std::string>{});
    std::optional<Outcome> outcome;
    hub_->change({.audience = Target::everybody(), .topics = {"t"}}, [&](Outcome told) { outcome = told; });
    run_all();
    EXPECT_EQ(outcome, (Outcome{2, false}));
    EXPECT_EQ(publish_and_count(Target::topic("t"), "x").receivers, 1U);
}

TEST_F(HubSubscriber, OptionsHaveToMakeSense) {
    EXPECT_TRUE(HubOptions{}.validate());
    const auto bad = hub::Hub::create({.max_id_bytes = 8, .max_topics = 0});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Errc::invalid_option);
    EXPECT_THAT(bad.error().message, ::testing::HasSubstr("max_topics"));
    EXPECT_THAT(bad.error().message, ::testing::HasSubstr("max_id_bytes"));
}

}  // namespace
}  // namespace cryo::test
