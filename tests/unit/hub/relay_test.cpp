// What a hub tells its relay, and what it makes of its answers.

#include "hub_fixture.h"

namespace cryo::test {
namespace {

using hub::Interest;

class HubRelay : public HubTest {
protected:
    void SetUp() override { start({}, relay_); }
    /// The relay's handlers keep the hub, which keeps the relay.
    void TearDown() override {
        HubTest::TearDown();
        relay_->outcomes.clear();
        relay_->lists.clear();
        relay_->topic_lists.clear();
        relay_->settlements.clear();
    }

    std::vector<std::string> told() { return relay_->take_calls(); }
    Outcome outcome() { return outcome_.value_or(Outcome{99, false}); }
    hub::OutcomeHandler note() {
        outcome_.reset();
        return [this](Outcome told) { outcome_ = told; };
    }

    std::shared_ptr<RecordingRelay> relay_ = std::make_shared<RecordingRelay>();
    std::optional<Outcome> outcome_{};
};

TEST_F(HubRelay, HearsOfTheFirstAndTheLastOfTheNodeNotOfALoop) {
    const auto a = attach(0, {.id = "a", .user = "ada", .topics = {"t"}});
    EXPECT_THAT(told(), UnorderedElementsAre("interest connection a", "interest user ada", "interest topic t"));
    const auto b = attach(1, {.id = "b", .user = "ada", .topics = {"t"}});
    const auto c = attach(0, {.id = "c", .topics = {"t"}});
    EXPECT_THAT(told(), UnorderedElementsAre("interest connection b", "interest connection c"));
    EXPECT_TRUE(hub_->interested({Interest::Kind::topic, "t"}));

    loop(0).on([&] {
        a.subscriber->detach();
        c.subscriber->unsubscribe("t");
    });
    EXPECT_THAT(told(), ElementsAre("interest connection a"));
    EXPECT_FALSE(hub_->interested({Interest::Kind::connection, "a"}));
    EXPECT_TRUE(hub_->interested({Interest::Kind::user, "ada"}));
    loop(1).on([&] { b.subscriber->detach(); });
    EXPECT_THAT(told(), UnorderedElementsAre("interest topic t", "interest user ada", "interest connection b"));
    EXPECT_FALSE(hub_->interested({Interest::Kind::topic, "t"}));
    EXPECT_FALSE(hub_->interested({Interest::Kind::user, "ada"}));
    EXPECT_TRUE(hub_->interested({Interest::Kind::connection, "c"}));
}

TEST_F(HubRelay, MayAskWhatTheHubIsInterestedInAtAnyTime) {
    relay_->on_interest = [&] { EXPECT_NO_THROW((void)hub_->interested({Interest::Kind::topic, "t"})); };
    const auto a = attach(0, {.id = "a", .user = "ada", .topics = {"t", "u"}});
    std::vector<std::string> all;
    hub_->for_each_interest([&](const Interest& interest) { all.push_back(RecordingRelay::name(interest)); });
    EXPECT_THAT(all, UnorderedElementsAre("topic t", "topic u", "user ada", "connection a"));
}

TEST_F(HubRelay, MayPublishToAllWhenAnInterestEnds) {
    const auto a = attach(0, {.id = "a", .topics = {"t"}});
    const auto b = attach(0, {.id = "b"});
    bool once = true;
    relay_->on_interest = [&] {
        if (std::exchange(once, false)) publish(Target::everybody(), "1");
    };
    loop(0).on([&] {
        a.subscriber->detach();
        publish(Target::everybody(), "2");
    });
    relay_->on_interest = {};
    EXPECT_THAT(a.got(), IsEmpty());
    EXPECT_THAT(b.got(), ElementsAre("1", "2"));
}

TEST_F(HubRelay, MayFillAndEmptyTopicsWhenAnInterestEnds) {
    const auto a = attach(0, {.id = "a", .topics = {"t", "u", "v"}});
    const auto b = attach(0, {.id = "b"});
    bool once = true;
    relay_->on_interest = [&] {
        if (!std::exchange(once, false)) return;
        for (const std::string topic : {"t", "u", "v"}) {
            EXPECT_TRUE(b.subscriber->subscribe(topic));
            b.subscriber->unsubscribe(topic);
        }
        EXPECT_TRUE(b.subscriber->subscribe("v"));
    };
    loop(0).on([&] {
        hub_->change({.audience = Target::connection("a"), .topics = {"t", "u", "v"}, .subscribe = false});
    });
    relay_->on_interest = {};
    EXPECT_FALSE(once);
    EXPECT_FALSE(hub_->interested({Interest::Kind::topic, "t"}));
    EXPECT_FALSE(hub_->interested({Interest::Kind::topic, "u"}));
    EXPECT_TRUE(hub_->interested({Interest::Kind::topic, "v"}));
    loop(0).on([&] { publish(Target::topic("v"), "x"); });
    EXPECT_THAT(b.got(), ElementsAre("x"));
}

TEST_F(HubRelay, GetsPublicationsInTheOrderOfTheCallsAlsoNestedOnes) {
    const auto a = attach(0, {"t"}), b = attach(0, {"t"});
    told();
    a.receiver->on_delivery = [&](const std::string& text) {
        if (text == "1") publish(Target::topic("t"), "2");
    };
    loop(0).on([&] {
        publish(Target::topic("t"), "1");
        publish(Target::topic("t"), "3");
    });
    EXPECT_THAT(told(), ElementsAre("publish t: 1", "publish t: 2", "publish t: 3"));
    EXPECT_THAT(b.got(), ElementsAre("1", "2", "3"));
    EXPECT_THAT(relay_->outcomes, IsEmpty());  // nobody asked
}

TEST_F(HubRelay, GetsNothingBackOfWhatItBringsIn) {
    const auto a = attach(0, {.id = "a", .topics = {"t"}});
    told();
    const auto message = PreparedMessage::text("x");
    hub_->publish(Target::topic("t"), message, note(), Scope::node);
    hub_->change({.audience = Target::topic("t"), .topics = {"t"}, .subscribe = false}, {}, Scope::node);
    hub_->count(Target::everybody(), {[](Outcome) {}}, Scope::node);
    hub_->list(
        Target::everybody(), [](hub::Listing) {}, Scope::node);
    hub_->list_topics(
        "", [](hub::TopicListing) {}, Scope::node);
    hub_->disconnect(Target::everybody(), 1000, {}, {}, Scope::node);
    run_all();
    EXPECT_THAT(told(), ElementsAre("interest topic t"));
    EXPECT_EQ(outcome(), (Outcome{1, true}));
}

TEST_F(HubRelay, IsNotAskedAboutConnectionsThatAreHere) {
    const auto a = attach(0, {.id = "a"});
    told();
    publish(Target::connection("a"), "x");
    publish(Target::connection("b"), "y");
    hub_->disconnect(Audience{{Target::connection("a"), Target::connection("b")}, {}});
    run_all();
    EXPECT_THAT(told(), ElementsAre("publish b: y", "disconnect a 1000 "));
    EXPECT_THAT(relay_->outcomes, IsEmpty());  // nobody wants to know
}

TEST_F(HubRelay, AnswersAreAddedUp) {
    const auto a = attach(0, {"t"}), b = attach(1, {"t"});
    hub_->publish(Target::topic("t"), PreparedMessage::text("x"), note());
    run_all();
    EXPECT_FALSE(outcome_);
    relay_->outcomes.at(0)(Outcome{5, true});
    EXPECT_EQ(outcome(), (Outcome{7, true}));

    hub_->count(Target::topic("t"), note());
    relay_->outcomes.at(1)(Outcome{1, false});
    EXPECT_FALSE(outcome_);
    run_all();
    EXPECT_EQ(outcome(), (Outcome{3, false}));
}

TEST_F(HubRelay, AnAnswerThatNeverComesMakesAnOutcomeIncomplete) {
    const auto a = attach(0, {"t"});
    hub_->publish(Target::topic("t"), PreparedMessage::text("x"), note());
    run_all();
    relay_->outcomes.clear();
    EXPECT_EQ(outcome(), (Outcome{1, false}));
}

TEST_F(HubRelay, ListsAreAddedUp) {
    start({.max_listed = 3}, relay_);
    const auto a = attach(0, {"t"}), b = attach(1, {"t", "u"});
    std::optional<hub::Listing> listing;
    hub_->list(Target::topic("t"), [&](hub::Listing told) { listing = std::move(told); });
    run_all();
    relay_->lists.at(0)({.subscribers = {{.id = "far"}}});
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->subscribers.size(), 3U);
    EXPECT_TRUE(listing->complete);
    EXPECT_FALSE(listing->truncated);

    hub_->list(Target::topic("t"), [&](hub::Listing told) { listing = std::move(told); });
    relay_->lists.at(1)({.subscribers = {{.id = "far"}, {.id = "farther"}}, .complete = false});
    run_all();
    EXPECT_EQ(listing->subscribers.size(), 3U);
    EXPECT_FALSE(listing->complete);
    EXPECT_TRUE(listing->truncated);

    std::optional<hub::TopicListing> topics;
    hub_->list_topics("", [&](hub::TopicListing told) { topics = std::move(told); });
    run_all();
    relay_->topic_lists.at(0)({.topics = {{"t", 3}, {"far", 1}}});
    ASSERT_TRUE(topics);
    EXPECT_THAT(topics->topics,
                UnorderedElementsAre(hub::TopicCount{"t", 5}, hub::TopicCount{"u", 1}, hub::TopicCount{"far", 1}));
}

TEST_F(HubRelay, SettlesWhatASubscriberIsAndHas) {
    const auto a = attach(0, {.id = "a", .user = "ada", .topics = {"t"}});
    told();
    bool settled = false;
    loop(0).on([&] { a.subscriber->settle([&] { settled = true; }); });
    EXPECT_THAT(told(), ElementsAre("settle connection a user ada topic t"));
    EXPECT_FALSE(settled);
    relay_->settlements.at(0)();
    EXPECT_TRUE(settled);
}

TEST_F(HubRelay, AChangeIsDoneWhenItIsInEffectEverywhere) {
    const auto a = attach(0, {.user = "ada"}), b = attach(1, {.user = "ada"});
    told();
    hub_->change({.audience = Target::user("ada"), .topics = {"t", "u"}}, note());
    EXPECT_THAT(told(), ElementsAre("subscribe ada"));
    run_all();
    relay_->outcomes.at(0)(Outcome{3, true});
    EXPECT_FALSE(outcome_);
    const auto calls = told();
    EXPECT_THAT(std::ranges::count(calls, "settle topic t topic u"), 1);
    relay_->settlements.at(0)();
    EXPECT_EQ(outcome(), (Outcome{5, true}));
}

TEST_F(HubRelay, AChangeBroughtInIsSettledToo) {
    const auto a = attach(0, {.user = "ada"});
    hub_->change({.audience = Target::user("ada"), .topics = {"t"}}, note(), Scope::node);
    run_all();
    EXPECT_FALSE(outcome_);
    relay_->settlements.clear();  // the link is cut
    EXPECT_EQ(outcome(), (Outcome{1, false}));
}

TEST_F(HubRelay, AChangeForNobodyHereNeedsNoSettling) {
    hub_->change({.audience = Target::user("ada"), .topics = {"t"}}, note());
    relay_->outcomes.at(0)(Outcome{0, true});
    EXPECT_EQ(outcome(), (Outcome{0, true}));
    EXPECT_THAT(relay_->settlements, IsEmpty());
}

TEST_F(HubRelay, IsSetBeforeTheStart) {
    EXPECT_EQ(hub_->set_relay(std::make_shared<RecordingRelay>()).error().code, Errc::wrong_state);
}

}  // namespace
}  // namespace cryo::test
