// What a hub promises of order and of coming and going, while callbacks do as they like; and what it counts.

#include <stdexcept>

#include "hub_fixture.h"

namespace cryo::test {
namespace {

class HubOrder : public HubTest {
protected:
    void publish_on(std::size_t index, Audience audience, std::string_view text) {
        loop(index).on([&] { publish(std::move(audience), text); });
    }
};

TEST_F(HubOrder, OnItsOwnLoopAPublicationIsThereWhenTheCallReturns) {
    const auto a = attach(0, {"t"}), b = attach(1, {"t"});
    publish_on(0, Target::topic("t"), "x");
    EXPECT_THAT(a.got(), ElementsAre("x"));
    EXPECT_THAT(b.got(), IsEmpty());
    run_all();
    EXPECT_THAT(b.got(), ElementsAre("x"));
}

TEST_F(HubOrder, WhatADeliveryPublishesComesAfterItForAll) {
    const auto a = attach(0, {"t"}), b = attach(0, {"t"}), c = attach(1, {"t"});
    a.receiver->on_delivery = [&](const std::string& text) {
        if (text == "1") publish(Target::topic("t"), "2");
        if (text == "2") publish(Target::everybody(), "3");
    };
    publish_on(0, Target::topic("t"), "1");
    run_all();
    for (const Peer* peer : {&a, &b, &c}) EXPECT_THAT(peer->got(), ElementsAre("1", "2", "3"));
}

TEST_F(HubOrder, OfOneThreadHoldsAcrossKindsOfTargets) {
    const auto a = attach(0, {.id = "a", .user = "ada", .topics = {"t", "u"}});
    publish(Target::topic("t"), "1");
    publish(Target::user("ada"), "2");
    publish(Target::everybody(), "3");
    publish(Audience{{Target::topic("u"), Target::topic("t")}, {}}, "4");
    publish(Target::connection("a"), "5");
    run_all();
    EXPECT_THAT(a.got(), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(HubOrder, WhoUnsubscribedGetsNothingPublishedAfterThat) {
    const auto a = attach(0, {"t"}), b = attach(0, {"t"});
    a.receiver->on_delivery = [&](const std::string&) {
        a.subscriber->unsubscribe("t");
        b.subscriber->unsubscribe("t");
        publish(Target::topic("t"), "2");
    };
    publish_on(0, Target::topic("t"), "1");
    publish_on(0, Target::topic("t"), "3");
    EXPECT_THAT(a.got(), ElementsAre("1"));
    EXPECT_FALSE(std::ranges::count(b.got(), "2") + std::ranges::count(b.got(), "3"));
    EXPECT_EQ(hub_->stats().topics, 0U);
}

TEST_F(HubOrder, WhoUnsubscribesBeforeAPublicationArrivesDoesNotGetIt) {
    const auto a = attach(1, {"t"});
    publish(Target::topic("t"), "x");
    loop(1).on([&] { a.subscriber->unsubscribe("t"); });
    run_all();
    EXPECT_THAT(a.got(), IsEmpty());
}

TEST_F(HubOrder, ADeliveryMayEndAnyReceiverAndTopic) {
    std::vector<Peer> peers;
    for (int i = 0; i < 8; ++i) peers.push_back(attach(0, {"t"}));
    peers[3].receiver->on_delivery = [&](const std::string&) {
        for (auto& peer : peers) peer.subscriber.reset();
    };
    publish_on(0, Target::topic("t"), "1");
    std::size_t reached = 0;
    for (const auto& peer : peers) reached += peer.got().size();
    EXPECT_LE(reached, peers.size());
    EXPECT_EQ(hub_->stats().subscribers, 0U);
    EXPECT_EQ(hub_->stats().topics, 0U);
    EXPECT_EQ(publish_and_count(Target::topic("t"), "2").receivers, 0U);
}

TEST_F(HubOrder, ADeliveryMayEmptyATopicAndFillItAgain) {
    const auto a = attach(0, {"t"}), b = attach(0, {"u"});
    a.receiver->on_delivery = [&](const std::string& text) {
        if (text != "1") return;
        for (int i = 0; i < 3; ++i) {
            a.subscriber->unsubscribe("t");
            EXPECT_TRUE(a.subscriber->subscribe("t"));
        }
        a.subscriber->unsubscribe("t");
        EXPECT_TRUE(b.subscriber->subscribe("t"));
    };
    publish_on(0, Target::topic("t"), "1");
    EXPECT_EQ(publish_and_count(Target::topic("t"), "2").receivers, 1U);
    EXPECT_THAT(a.got(), ElementsAre("1"));
    EXPECT_EQ(b.got().back(), "2");
    EXPECT_EQ(hub_->stats().topics, 2U);
}

TEST_F(HubOrder, ADeliveryMayBringNewReceivers) {
    const auto a = attach(0, {"t"});
    std::vector<Peer> others;
    a.receiver->on_delivery = [&](const std::string& text) {
        if (text != "1") return;
        for (int i = 0; i < 100; ++i) others.push_back(attach(0, {"t"}));
    };
    publish_on(0, Target::topic("t"), "1");
    publish_on(0, Target::topic("t"), "2");
    for (const auto& other : others) EXPECT_THAT(other.got(), ElementsAre("2"));
}

/// As a connection that holds its subscriber in its slot, and is let go of by the application in a callback.
TEST_F(HubOrder, ADeliveryMayEndTheLastHandleOfItsReceiver) {
    for (const bool selected : {false, true}) {
        std::vector<std::shared_ptr<FakeReceiver>> receivers;
        for (int i = 0; i < 8; ++i) {
            Peer peer = attach(0, {"t"});
            peer.receiver->subscriber = std::move(peer.subscriber);
            receivers.push_back(std::move(peer.receiver));
        }
        int calls = 0;
        receivers[0]->on_delivery = [&](const std::string&) {
            ++calls;
            receivers.clear();
        };
        auto to = Audience(Target::topic("t"));
        if (selected) to.to.push_back(Target::everybody());
        publish_on(0, to, "x");
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(hub_->stats().subscribers, 0U);
        EXPECT_EQ(hub_->stats().topics, 0U);
    }
}

TEST_F(HubOrder, DeliveriesThatPublishWithoutEndDoNotHoldUpTheLoop) {
    const auto a = attach(0, {"t"});
    bool stop = false;
    a.receiver->on_delivery = [&](const std::string&) {
        if (!stop) publish(Target::topic("t"), std::to_string(a.got().size()));
    };
    publish_on(0, Target::topic("t"), "0");
    EXPECT_LE(a.got().size(), 1'000U);
    const auto before = a.got().size();
    publish_on(0, Target::topic("t"), "after");  // what was called for before comes first
    loop(0).run();
    EXPECT_GT(a.got().size(), before);
    stop = true;
    run_all();
    std::erase(a.got(), "after");
    for (std::size_t i = 0; i < a.got().size(); ++i) EXPECT_EQ(a.got()[i], std::to_string(i));
}

TEST_F(HubOrder, WhatWaitsForALoopIsLimited) {
    start({.max_waiting = 3});
    const auto a = attach(0, {"t"}), b = attach(1, {"t"});
    for (int i = 0; i < 3; ++i) publish(Target::topic("t"), std::to_string(i));
    loop(1).run();
    std::optional<Outcome> outcome;
    hub_->publish(Target::topic("t"), PreparedMessage::text("3"), [&](Outcome told) { outcome = told; });
    EXPECT_FALSE(outcome);
    run_all();
    EXPECT_EQ(outcome, (Outcome{1, false}));
    EXPECT_THAT(a.got(), ElementsAre("0", "1", "2"));
    EXPECT_THAT(b.got(), ElementsAre("0", "1", "2", "3"));
    EXPECT_EQ(hub_->stats().drops, 1U);
    EXPECT_EQ(publish_and_count(Target::topic("t"), "4").receivers, 2U);
}

TEST_F(HubOrder, WhatWaitsForALoopIsLimitedInBytes) {
    start({.max_waiting_bytes = 10'000});
    const auto a = attach(0, {"t"});
    EXPECT_EQ(publish_and_count(Target::topic("t"), std::string(20'000, 'x')).receivers, 1U);  // alone
    for (int i = 0; i < 3; ++i) publish(Target::topic("t"), std::string(4'000, 'x'));
    run_all();
    EXPECT_EQ(a.got().size(), 3U);
    EXPECT_EQ(hub_->stats().drops, 1U);
}

TEST_F(HubOrder, CountsWhatItDoes) {
    const auto a = attach(0, {"t", "u"}), b = attach(0, {"t"}), c = attach(1, {"t"});
    b.receiver->answer = SendStatus::dropped;
    c.receiver->answer = SendStatus::queued;
    publish(Target::topic("t"), "1");
    publish(Target::topic("u"), "2");
    publish(Target::topic("none"), "3");
    run_all();
    const auto stats = hub_->stats();
    EXPECT_EQ(stats.subscribers, 3U);
    EXPECT_EQ(stats.topics, 2U);
    EXPECT_EQ(stats.subscriptions, 4U);
    EXPECT_EQ(stats.publications, 3U);
    EXPECT_EQ(stats.deliveries, 3U);
    EXPECT_EQ(stats.drops, 1U);
}

TEST_F(HubOrder, AReceiverThatThrowsIsReportedAndHoldsUpNobody) {
    const auto a = attach(0, {"t"}), b = attach(0, {"t"});
    a.receiver->on_delivery = [](const std::string&) { throw std::runtime_error("bug"); };
    EXPECT_EQ(publish_and_count(Target::topic("t"), "x"), (Outcome{1, true}));
    EXPECT_THAT(b.got(), ElementsAre("x"));
    EXPECT_THAT(loop(0).errors, ElementsAre("bug"));
    EXPECT_EQ(hub_->stats().drops, 1U);
    hub_->publish(Target::topic("t"), PreparedMessage::text("y"), [](Outcome) { throw std::runtime_error("handler"); });
    run_all();
    EXPECT_THAT(loop(0).errors, ElementsAre("bug", "bug", "handler"));
}

TEST_F(HubOrder, ALoopThatHasEndedMakesAnOutcomeIncomplete) {
    const auto a = attach(0, {"t"}), b = attach(1, {"t"});
    std::vector<Outcome> outcomes;
    const auto note = [&](Outcome told) { outcomes.push_back(told); };
    hub_->publish(Target::topic("t"), PreparedMessage::text("x"), note);
    loop(1).end();
    hub_->publish(Target::topic("t"), PreparedMessage::text("y"), note);
    run_all();
    EXPECT_THAT(outcomes, ElementsAre(Outcome{1, false}, Outcome{1, false}));
}

TEST_F(HubOrder, AfterItsEndThereIsNobody) {
    const auto a = attach(0, {"t"});
    publish(Target::topic("t"), "before");
    hub_->on_unregister(server_);
    run_all();
    EXPECT_FALSE(a.subscriber->attached());
    EXPECT_EQ(publish_and_count(Target::topic("t"), "after"), (Outcome{0, true}));
    EXPECT_THAT(a.got(), ElementsAre("before"));
    EXPECT_EQ(loop(0).on([&] { return hub_->attach(a.receiver); }).error().code, Errc::wrong_state);
    EXPECT_EQ(hub_->on_start(server_).error().code, Errc::wrong_state);
}

TEST_F(HubOrder, WhatIsOnItsWayWhenTheHubIsLetGoOfIsStillTold) {
    hub_->on_unregister(server_);
    run_all();
    std::optional<hub::TopicListing> listing;
    hub_->list_topics("", [&](hub::TopicListing told) { listing = std::move(told); });
    hub_.reset();  // from here on the question alone holds what it asks
    run_all();
    ASSERT_TRUE(listing);
    EXPECT_THAT(listing->topics, IsEmpty());
    EXPECT_TRUE(listing->complete);
}

TEST_F(HubOrder, BeforeTheStartThereIsNobody) {
    const auto fresh = hub::Hub::create().value();
    std::optional<Outcome> outcome;
    fresh->publish(Target::topic("t"), PreparedMessage::text("x"), [&](Outcome told) { outcome = told; });
    EXPECT_EQ(outcome, (Outcome{0, true}));
    EXPECT_EQ(fresh->stats().publications, 1U);
}

// -- wire forms ------------------------------------------------------------------------------------------------------

class Shouting final : public hub::IWireForm {
public:
    mutable int encoded = 0;

    std::optional<PreparedMessage> encode(const hub::Publication& publication) const override {
        ++encoded;
        const std::string text(as_text(publication.message.payload()));
        if (text == "secret") return std::nullopt;
        if (text == "bug") throw std::runtime_error("no form");
        return PreparedMessage::text(publication.audience.to[0].name + ":" + text + "!");
    }
};

TEST_F(HubOrder, APublicationIsEncodedOnceForEachForm) {
    const auto form = std::make_shared<Shouting>(), other = std::make_shared<Shouting>();
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < 6; ++i) peers.push_back(attach(i % 2, {.topics = {"t"}, .form = form}));
    peers.push_back(attach(0, {.topics = {"t"}, .form = other}));
    const auto plain = attach(1, {"t"});
    EXPECT_EQ(publish_and_count(Target::topic("t"), "x").receivers, 8U);
    for (const auto& peer : peers) EXPECT_THAT(peer.take(), ElementsAre("t:x!"));
    EXPECT_THAT(plain.take(), ElementsAre("x"));
    EXPECT_EQ(form->encoded, 1);
    EXPECT_EQ(other->encoded, 1);

    EXPECT_EQ(publish_and_count(Audience{{Target::topic("t"), Target::everybody()}, {}}, "y").receivers, 8U);
    EXPECT_EQ(form->encoded, 2);
    EXPECT_THAT(peers[0].take(), ElementsAre("t:y!"));
}

TEST_F(HubOrder, WhatAFormCannotSayIsDropped) {
    const auto form = std::make_shared<Shouting>();
    const auto a = attach(0, {.topics = {"t"}, .form = form}), b = attach(0, {"t"});
    EXPECT_EQ(publish_and_count(Target::topic("t"), "secret").receivers, 1U);
    EXPECT_EQ(publish_and_count(Target::topic("t"), "bug").receivers, 1U);
    EXPECT_THAT(a.got(), IsEmpty());
    EXPECT_THAT(loop(0).errors, ElementsAre("no form"));
    EXPECT_EQ(hub_->stats().drops, 2U);
}

TEST_F(HubOrder, FormsThatComeAndGoLeaveNothingBehind) {
    const auto a = attach(0, {"t"});
    for (int i = 0; i < 100; ++i) {
        const auto b = attach(0, {.topics = {"t"}, .form = std::make_shared<Shouting>()});
        EXPECT_EQ(publish_and_count(Target::topic("t"), "x").receivers, 2U);
        EXPECT_THAT(b.got(), ElementsAre("t:x!"));
        loop(0).on([&] { b.subscriber->detach(); });
    }
    EXPECT_EQ(a.got().size(), 100U);
}

}  // namespace
}  // namespace cryo::test
