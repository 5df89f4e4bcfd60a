// Whom a publication reaches: every kind of target, alone and together, and who is left out.

#include "hub_fixture.h"

namespace cryo::test {
namespace {

class HubAudience : public HubTest {};

TEST_F(HubAudience, ATopicIsItsSubscribersOnAllLoops) {
    const auto a = attach(0, {"news"}), b = attach(1, {"news", "sport"}), c = attach(1, {"sport"});
    EXPECT_EQ(publish_and_count(Target::topic("news"), "x"), (Outcome{2, true}));
    EXPECT_THAT(a.got(), ElementsAre("x"));
    EXPECT_THAT(b.got(), ElementsAre("x"));
    EXPECT_THAT(c.got(), IsEmpty());
}

TEST_F(HubAudience, AUserIsAllOfItsSessionsAndASessionBelongsToItsUser) {
    const auto ada1 = attach(0, {.user = "ada", .session = "1"}), ada2 = attach(1, {.user = "ada", .session = "2"});
    const auto ada = attach(0, {.user = "ada"}), bob1 = attach(0, {.user = "bob", .session = "1"});
    EXPECT_EQ(publish_and_count(Target::user("ada"), "all").receivers, 3U);
    EXPECT_EQ(publish_and_count(Target::session("ada", "1"), "one").receivers, 1U);
    EXPECT_THAT(ada1.got(), ElementsAre("all", "one"));
    EXPECT_THAT(ada2.got(), ElementsAre("all"));
    EXPECT_THAT(ada.got(), ElementsAre("all"));
    EXPECT_THAT(bob1.got(), IsEmpty());
}

TEST_F(HubAudience, AConnectionIsFoundOnItsLoop) {
    const auto a = attach(0, {.id = "a"}), b = attach(1, {.id = "b"});
    EXPECT_EQ(publish_and_count(Target::connection("b"), "x").receivers, 1U);
    EXPECT_EQ(publish_and_count(Target::connection("c"), "x").receivers, 0U);
    EXPECT_THAT(a.got(), IsEmpty());
    EXPECT_THAT(b.got(), ElementsAre("x"));
}

TEST_F(HubAudience, EverybodyIsAlsoWhoComesAfterTheFirstPublicationToAll) {
    const auto a = attach(0), b = attach(1);
    EXPECT_EQ(publish_and_count(Target::everybody(), "1").receivers, 2U);
    const auto c = attach(1);
    EXPECT_EQ(publish_and_count(Target::everybody(), "2").receivers, 3U);
    loop(1).on([&] { b.subscriber->detach(); });
    EXPECT_EQ(publish_and_count(Target::everybody(), "3").receivers, 2U);
    EXPECT_THAT(a.got(), ElementsAre("1", "2", "3"));
    EXPECT_THAT(b.got(), ElementsAre("1", "2"));
    EXPECT_THAT(c.got(), ElementsAre("2", "3"));
}

TEST_F(HubAudience, WithASessionATopicIsOnlyThatSessions) {
    const auto a = attach(0, {.user = "ada", .session = "1", .topics = {"t"}});
    const auto b = attach(0, {.user = "bob", .session = "2", .topics = {"t"}});
    publish(Target{Target::Kind::topic, "t", "2"}, "x");
    publish(Target{Target::Kind::everybody, "", "1"}, "y");
    publish(Target{Target::Kind::connection, b.subscriber->id(), "1"}, "z");
    run_all();
    EXPECT_THAT(a.got(), ElementsAre("y"));
    EXPECT_THAT(b.got(), ElementsAre("x"));
}

TEST_F(HubAudience, ThatMeetsSomebodyTwiceReachesItOnce) {
    const auto a = attach(0, {.user = "ada", .topics = {"red", "blue"}}), b = attach(1, {"blue"});
    Audience audience{{Target::topic("red"), Target::topic("blue"), Target::user("ada"), Target::everybody(),
                       Target::connection(a.subscriber->id())},
                      {}};
    EXPECT_EQ(publish_and_count(audience, "x").receivers, 2U);
    EXPECT_THAT(a.got(), ElementsAre("x"));
    EXPECT_THAT(b.got(), ElementsAre("x"));
}

TEST_F(HubAudience, LeavesOutWhomItShould) {
    const auto a = attach(0, {.user = "ada", .topics = {"t"}}), b = attach(0, {"t", "muted"}), c = attach(1, {"t"});
    const auto t = [] { return Audience(Target::topic("t")); };
    EXPECT_EQ(publish_and_count(t().but(Target::connection(a.subscriber->id())), "1").receivers, 2U);
    EXPECT_EQ(publish_and_count(t().but(Target::user("ada")), "2").receivers, 2U);
    EXPECT_EQ(publish_and_count(t().but(Target::topic("muted")).but(Target::user("ada")), "3").receivers, 1U);
    EXPECT_EQ(publish_and_count(t().but(Target::everybody()), "4").receivers, 0U);
    EXPECT_EQ(publish_and_count(t().but(Target::connection("nobody")), "5").receivers, 3U);
    EXPECT_THAT(a.got(), ElementsAre("5"));
    EXPECT_THAT(b.got(), ElementsAre("1", "2", "5"));
    EXPECT_THAT(c.got(), ElementsAre("1", "2", "3", "5"));
}

TEST_F(HubAudience, OfNobodyIsReachedAtOnce) {
    const auto a = attach(0);
    EXPECT_EQ(publish_and_count(Audience(), "x"), (Outcome{0, true}));
    EXPECT_EQ(publish_and_count(Target::topic("t"), "x"), (Outcome{0, true}));
    EXPECT_EQ(publish_and_count(Target::user(""), "x"), (Outcome{0, true}));
}

TEST_F(HubAudience, CostsLoopsWithoutReceiversNothing) {
    const auto a = attach(0, {"t"}), b = attach(1, {.user = "bob"});
    publish(Target::topic("t"), "x");
    EXPECT_EQ(loop(0).waiting(), 1U);
    EXPECT_EQ(loop(1).waiting(), 0U);
    publish(Audience{{Target::topic("t"), Target::user("bob"), Target::user("bob")}, {}}, "y");
    EXPECT_EQ(loop(0).waiting(), 2U);
    EXPECT_EQ(loop(1).waiting(), 1U);
}

TEST_F(HubAudience, CanBeSubscribedUnsubscribedDisconnectedAndCounted) {
    const auto a = attach(0, {.user = "ada"}), b = attach(1, {.user = "ada"}), c = attach(1, {.user = "bob"});
    Outcome outcome;
    const auto note = [&](Outcome told) { outcome = told; };
    hub_->change({.audience = Target::user("ada"), .topics = {"t", "u"}, .subscribe = true}, note);
    run_all();
    EXPECT_EQ(outcome, (Outcome{2, true}));
    EXPECT_EQ(publish_and_count(Target::topic("t"), "1").receivers, 2U);

    // By topic: the audience is looked at before the change.
    hub_->change({.audience = Target::topic("t"), .topics = {"t"}, .subscribe = false}, note);
    run_all();
    EXPECT_EQ(outcome, (Outcome{2, true}));
    EXPECT_EQ(publish_and_count(Target::topic("t"), "2").receivers, 0U);

    hub_->count(Target::topic("u"), note);
    run_all();
    EXPECT_EQ(outcome, (Outcome{2, true}));

    hub_->disconnect(Target::user("ada"), 4001, "enough", note);
    run_all();
    EXPECT_EQ(outcome, (Outcome{2, true}));
    EXPECT_EQ(a.receiver->close_code, 4001);
    EXPECT_EQ(b.receiver->close_reason, "enough");
    EXPECT_TRUE(c.receiver->open);
    hub_->count(Target::everybody(), note);
    run_all();
    EXPECT_EQ(outcome, (Outcome{1, true}));
}

TEST_F(HubAudience, IsListedWithAllThatIsKnown) {
    const auto before = std::chrono::system_clock::now();
    const auto a = attach(0, {.id = "a", .user = "ada", .session = "1", .topics = {"x", "y", "x"}});
    const auto b = attach(1, {.id = "b"});
    a.receiver->heard = std::chrono::steady_clock::now();
    std::optional<hub::Listing> listing;
    hub_->list(Target::everybody(), [&](hub::Listing told) { listing = std::move(told); });
    run_all();
    ASSERT_TRUE(listing);
    EXPECT_TRUE(listing->complete);
    EXPECT_FALSE(listing->truncated);
    ASSERT_EQ(listing->subscribers.size(), 2U);
    const auto& info = listing->subscribers[listing->subscribers[0].id == "a" ? 0 : 1];
    EXPECT_EQ(info.user, "ada");
    EXPECT_EQ(info.session, "1");
    EXPECT_THAT(info.topics, ElementsAre("x", "y"));
    EXPECT_EQ(info.remote_address, "192.0.2.7");
    EXPECT_GE(info.since, before);
    ASSERT_TRUE(info.last_heard);
    EXPECT_GE(*info.last_heard, before);
}

TEST_F(HubAudience, TopicsAreListedByPrefix) {
    const auto a = attach(0, {"room-1", "room-2", "other"}), b = attach(1, {"room-1"});
    std::optional<hub::TopicListing> listing;
    hub_->list_topics("room-", [&](hub::TopicListing told) { listing = std::move(told); });
    run_all();
    ASSERT_TRUE(listing);
    EXPECT_TRUE(listing->complete);
    EXPECT_THAT(listing->topics, UnorderedElementsAre(hub::TopicCount{"room-1", 2}, hub::TopicCount{"room-2", 1}));
}

}  // namespace
}  // namespace cryo::test
