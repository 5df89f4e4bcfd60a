// What hubs on two nodes make of each other's commands, in whatever order and however often these arrive.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cryo/cluster/hub_link.h>

#include "support/hub_fakes.h"
#include "unit/cluster/fake_bus.h"

namespace cryo::cluster {
namespace {

using hub::Audience;
using hub::Outcome;
using hub::Target;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A hub on one loop, linked to a bus whose messages the test carries.
struct LinkedHub {
    LinkedHub() {
        EXPECT_TRUE(link_hub(hub, bus));
        EXPECT_TRUE(hub->on_start(server));
    }
    ~LinkedHub() {
        hub->on_unregister(server);
        run();
        bus.port->asked.clear();  // its handlers keep the hub, which keeps the port
    }
    LinkedHub(const LinkedHub&) = delete;
    LinkedHub& operator=(const LinkedHub&) = delete;

    void run() {
        while (loop().run() > 0) {
        }
    }
    test::FakeLoop& loop() { return *server.fakes[0]; }
    std::shared_ptr<test::FakeReceiver> attach(hub::Attachment attachment) {
        auto receiver = std::make_shared<test::FakeReceiver>();
        loop().on([&] { receiver->subscriber = hub->attach(receiver, std::move(attachment)).value(); });
        return receiver;
    }
    void publish(Audience audience, std::string_view text) {
        hub->publish(std::move(audience), PreparedMessage::text(text));
    }
    std::vector<std::string> published_to() const {
        std::vector<std::string> topics;
        for (const auto& message : bus.port->published) topics.push_back(message.topic);
        return topics;
    }
    void hear(const FakePort::Message& message) {
        bus.handlers.publication({"other", 1}, message.topic, message.payload);
        run();
    }
    /// What it answers to a question; nothing while it has not.
    std::shared_ptr<std::optional<std::vector<std::byte>>> put(const std::vector<std::byte>& question) {
        auto answer = std::make_shared<std::optional<std::vector<std::byte>>>();
        bus.handlers.question({"other", 1}, question, Answer([answer](const Bytes* payload) {
                                  if (payload) answer->emplace(payload->begin(), payload->end());
                              }));
        run();
        return answer;
    }

    test::LoopsOnlyServer server{1};
    FakeBus bus{};
    std::shared_ptr<hub::Hub> hub = hub::Hub::create().value();
};

class HubLinkTest : public ::testing::Test {
protected:
    /// The only two copies of what was published last.
    std::pair<FakePort::Message, FakePort::Message> copies() {
        auto& sent = here.bus.port->published;
        EXPECT_EQ(sent.size(), 2u);
        sent.resize(2);
        auto taken = std::exchange(sent, {});
        return {std::move(taken[0]), std::move(taken[1])};
    }

    const Audience red_and_blue{{Target::topic("red"), Target::topic("blue")}, {}};
    LinkedHub here, there;
};

TEST_F(HubLinkTest, AReceiverThatLeavesATargetBetweenTwoCopiesGetsOne) {
    const auto receiver = there.attach({.topics = {"red", "blue"}});
    here.publish(red_and_blue, "x");
    const auto [red, blue] = copies();
    there.hear(red);
    there.loop().on([&] { receiver->subscriber->unsubscribe("red"); });
    there.hear(blue);
    EXPECT_THAT(receiver->got, ElementsAre("x"));
}

TEST_F(HubLinkTest, AReceiverThatGoesFromOneTargetToAnotherBetweenTwoCopiesGetsOne) {
    const auto receiver = there.attach({.topics = {"blue"}});
    here.publish(red_and_blue, "x");
    const auto [red, blue] = copies();
    there.hear(blue);
    there.loop().on([&] {
        receiver->subscriber->unsubscribe("blue");
        EXPECT_TRUE(receiver->subscriber->subscribe("red"));
    });
    there.hear(red);
    EXPECT_THAT(receiver->got, ElementsAre("x"));
}

TEST_F(HubLinkTest, AReceiverThatJoinsAnEarlierTargetBetweenTwoCopiesGetsOne) {
    const auto receiver = there.attach({.topics = {"blue"}});
    here.publish(red_and_blue, "x");
    const auto [red, blue] = copies();
    there.hear(red);
    there.loop().on([&] { EXPECT_TRUE(receiver->subscriber->subscribe("red")); });
    there.hear(blue);
    EXPECT_THAT(receiver->got, ElementsAre("x"));
}

TEST_F(HubLinkTest, ChangesOfTopicsFromWithinADeliveryChangeNothing) {
    const auto receiver = there.attach({.topics = {"red", "blue"}});
    receiver->on_delivery = [&](const std::string&) { receiver->subscriber->unsubscribe("red"); };
    here.publish(red_and_blue, "x");
    const auto [red, blue] = copies();
    there.hear(red);
    there.hear(blue);
    EXPECT_THAT(receiver->got, ElementsAre("x"));
}

TEST_F(HubLinkTest, AnyOneCopyIsEnoughForTheWholeAudience) {
    const auto red_receiver = there.attach({.topics = {"red"}}), blue_receiver = there.attach({.topics = {"blue"}});
    const auto left_out = there.attach({.id = "out", .topics = {"red", "blue"}});
    here.publish(Audience{red_and_blue.to, {Target::connection("out")}}, "x");
    there.hear(copies().second);
    EXPECT_THAT(red_receiver->got, ElementsAre("x"));
    EXPECT_THAT(blue_receiver->got, ElementsAre("x"));
    EXPECT_THAT(left_out->got, IsEmpty());
}

TEST_F(HubLinkTest, CopiesThatComeBehindThoseOfLaterPublicationsAreKnown) {
    const auto receiver = there.attach({.topics = {"red", "blue"}});
    std::vector<FakePort::Message> late;
    for (int i = 0; i < 100; ++i) {
        here.publish(red_and_blue, std::to_string(i));
        auto [red, blue] = copies();
        there.hear(red);
        late.push_back(std::move(blue));
    }
    for (const auto& copy : late) there.hear(copy);
    EXPECT_EQ(receiver->got.size(), 100u);
}

TEST_F(HubLinkTest, TheSameTextAgainIsAnotherPublication) {
    const auto receiver = there.attach({.topics = {"red", "blue"}});
    for (int i = 0; i < 3; ++i) {
        here.publish(red_and_blue, "x");
        const auto [red, blue] = copies();
        there.hear(blue);
        there.hear(red);
    }
    EXPECT_THAT(receiver->got, ElementsAre("x", "x", "x"));
}

TEST_F(HubLinkTest, ACommandToSeveralTargetsIsCarriedOutOnce) {
    const auto receiver = there.attach({.user = "ada", .topics = {"red", "blue"}});
    here.hub->change({.audience = red_and_blue, .topics = {"red"}, .subscribe = false});
    const auto [red, blue] = copies();
    there.hear(red);
    there.loop().on([&] { EXPECT_TRUE(receiver->subscriber->subscribe("red")); });
    there.hear(blue);
    EXPECT_TRUE(receiver->subscriber->subscribed("red")) << "it came back after the change";
}

TEST_F(HubLinkTest, OneCopyGoesToEachTopicOfTheBus) {
    const auto local = here.attach({.id = "1"});
    here.publish(Target::topic("red"), "x");
    EXPECT_THAT(here.published_to(), ElementsAre("tred"));
    here.bus.port->published.clear();
    here.publish(Audience{{Target::session("ada", "phone"), Target::session("ada", "desk"), Target::connection("1"),
                           Target::connection("2")},
                          {}},
                 "x");
    EXPECT_THAT(here.published_to(), ElementsAre("uada", "c2")) << "the connection 1 is here";
    here.bus.port->published.clear();
    here.publish(Audience{{Target::topic("red"), Target::everybody()}, {}}, "x");
    EXPECT_THAT(here.published_to(), ElementsAre("a"));
}

TEST_F(HubLinkTest, MoreTopicsThanSixteenMakeOneCopyForAll) {
    Audience audience;
    for (int i = 0; i < 16; ++i) audience.to.push_back(Target::topic(std::to_string(i)));
    here.publish(audience, "x");
    EXPECT_EQ(here.bus.port->published.size(), 16u);
    here.bus.port->published.clear();
    audience.to.push_back(Target::topic("0"));
    here.publish(audience, "x");
    EXPECT_EQ(here.bus.port->published.size(), 16u) << "named twice";
    here.bus.port->published.clear();
    audience.to.push_back(Target::topic("16"));
    here.publish(audience, "x");
    EXPECT_THAT(here.published_to(), ElementsAre("a"));
}

TEST_F(HubLinkTest, TheOutcomeCountsEachReceiverOnce) {
    const auto both = there.attach({.topics = {"red", "blue"}}), one = there.attach({.topics = {"blue"}});
    std::optional<Outcome> outcome;
    here.hub->publish(red_and_blue, PreparedMessage::text("x"), [&](Outcome told) { outcome = told; });
    const auto [red, blue] = copies();
    ASSERT_EQ(here.bus.port->asked.size(), 1u);
    auto& question = here.bus.port->asked.front();

    there.hear(red);
    there.hear(blue);
    const auto answer = there.put(question.payload);
    ASSERT_TRUE(*answer);
    Answers answers;
    auto& said = answers.answers.emplace_back();
    said.node = {"there", 1};
    said.payload = **answer;
    question.done(std::move(answers));
    EXPECT_EQ(outcome, (Outcome{2, true}));
}

TEST_F(HubLinkTest, WhoAsksBeforeTheFirstCopyHasComeIsAnsweredWhenItDoes) {
    const auto receiver = there.attach({.topics = {"blue"}});
    for (auto& in_effect : there.bus.port->waiting) in_effect({});
    here.hub->publish(red_and_blue, PreparedMessage::text("x"), [](Outcome) {});
    const auto [red, blue] = copies();
    const auto answer = there.put(here.bus.port->asked.at(0).payload);
    EXPECT_FALSE(*answer);
    there.hear(blue);
    EXPECT_TRUE(*answer);
}

TEST_F(HubLinkTest, ACopyThatCannotBeSentMakesTheOutcomeIncomplete) {
    here.bus.port->answer = SendStatus::dropped;
    std::optional<Outcome> outcome;
    here.hub->publish(red_and_blue, PreparedMessage::text("x"), [&](Outcome told) { outcome = told; });
    EXPECT_THAT(here.bus.port->asked, IsEmpty());
    EXPECT_EQ(outcome, (Outcome{0, false}));
}

}  // namespace
}  // namespace cryo::cluster
