// The parts of the link between hubs that keep state.
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "hub_copies.h"
#include "hub_interests.h"
#include "hub_reports.h"
#include "support/hub_fakes.h"
#include "unit/cluster/fake_bus.h"

namespace cryo::cluster {
namespace {

using hub::Interest;
using hub::Outcome;

TEST(HubReports, ToldBeforeOrAfterTheyAreAskedFor) {
    HubReports reports;
    std::optional<Outcome> got;
    const auto note = [&](Outcome outcome) { got = outcome; };
    reports.begin(1);
    reports.tell(1, {3, true});
    reports.ask(1, false, note);
    EXPECT_EQ(got, (Outcome{3, true}));

    got.reset();
    reports.begin(2);
    reports.ask(2, false, note);
    EXPECT_FALSE(got) << "it has come, but is not done";
    reports.tell(2, {1, false});
    EXPECT_EQ(got, (Outcome{1, false}));

    got.reset();
    reports.ask(3, true, note);
    EXPECT_FALSE(got) << "it may come";
    reports.begin(3);
    reports.tell(3, {2, true});
    EXPECT_EQ(got, (Outcome{2, true}));

    got.reset();
    reports.ask(4, false, note);
    EXPECT_EQ(got, (Outcome{0, true})) << "it does not come here";
}

/// A handler that says when it is gone.
struct Note {
    explicit Note(bool& gone) : gone_(&gone) {}
    Note(Note&& other) noexcept : gone_(std::exchange(other.gone_, nullptr)) {}
    ~Note() {
        if (gone_) *gone_ = true;
    }
    void operator()(Outcome) {}
    bool* gone_;
};

TEST(HubReports, LetOnlySoManyWait) {
    HubReports reports;
    bool dropped = false, next_dropped = false;
    int told = 0;
    const auto count = [&](Outcome) { ++told; };
    reports.ask(1, true, Note(dropped));
    reports.ask(2, true, Note(next_dropped));
    // Those that are answered make room for others.
    for (std::uint64_t token = 1000; token < 3000; ++token) {
        reports.ask(token, true, count);
        reports.tell(token, {1, true});
    }
    EXPECT_EQ(told, 2000);
    for (std::uint64_t token = 3000; token < 3510; ++token) reports.ask(token, true, count);
    EXPECT_FALSE(dropped);
    reports.ask(3510, true, count);
    EXPECT_TRUE(dropped);
    EXPECT_FALSE(next_dropped);
    for (std::uint64_t token = 3000; token <= 3510; ++token) reports.tell(token, {1, true});
    EXPECT_EQ(told, 2511);
    reports.tell(1, {1, true});  // too late, and harmless
    reports.ask(2, true, count);
    EXPECT_TRUE(next_dropped) << "who asks again takes the place of the first";
    reports.tell(2, {1, true});
    EXPECT_EQ(told, 2512);
}

TEST(HubReports, RememberOnlySoMany) {
    HubReports reports;
    bool dropped = false;
    reports.ask(0, true, Note(dropped));
    for (std::uint64_t token = 1; token <= 8191; ++token) reports.begin(token);
    EXPECT_FALSE(dropped);
    reports.begin(8192);
    EXPECT_TRUE(dropped);
    reports.tell(0, {1, true});  // too late, and harmless
}

TEST(HubCopies, LetTheFirstPassWhateverTheOrder) {
    HubCopies copies;
    for (const std::uint64_t number : {5, 3, 4, 9}) EXPECT_TRUE(copies.is_first({1, number})) << number;
    for (const std::uint64_t number : {3, 4, 5, 9}) EXPECT_FALSE(copies.is_first({1, number})) << number;
    EXPECT_TRUE(copies.is_first({1, 8}));
    EXPECT_TRUE(copies.is_first({2, 5})) << "another sender has numbers of its own";
}

TEST(HubCopies, TakeWhatIsTooOldToTellForACopy) {
    HubCopies copies;
    EXPECT_TRUE(copies.is_first({1, 2}));
    EXPECT_TRUE(copies.is_first({1, 16'384})) << "a window further on";
    EXPECT_FALSE(copies.is_first({1, 2}));
    EXPECT_TRUE(copies.is_first({1, 1}));
    EXPECT_TRUE(copies.is_first({1, 16'390}));
    EXPECT_FALSE(copies.is_first({1, 6})) << "nobody knows";
    EXPECT_TRUE(copies.is_first({1, 7}));
    const auto most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_TRUE(copies.is_first({1, most}));
    EXPECT_FALSE(copies.is_first({1, most}));
    EXPECT_TRUE(copies.is_first({1, most - 1}));
    EXPECT_FALSE(copies.is_first({1, 16'390}));
}

TEST(HubCopies, ForgetTheSenderThatWasSilentForLongest) {
    HubCopies copies;
    for (std::uint64_t sender = 1; sender <= 2048; ++sender) EXPECT_TRUE(copies.is_first({sender, 1}));
    EXPECT_FALSE(copies.is_first({1, 1}));
    EXPECT_TRUE(copies.is_first({9999, 1}));
    EXPECT_FALSE(copies.is_first({1, 1}));
    EXPECT_FALSE(copies.is_first({3, 1}));
    EXPECT_TRUE(copies.is_first({2, 1})) << "that was the one";
}

class HubInterestsTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(hub->on_start(server));
        interests->set_alone(false);
    }
    void TearDown() override {
        hub->on_unregister(server);
        while (server.fakes[0]->run() > 0) {
        }
    }
    hub::SubscriberPtr attach(const std::string& topic) {
        return server.fakes[0]->on([&] { return hub->attach(receiver, {.topics = {topic}}).value(); });
    }
    void settle(const Interest& interest) {
        interests->settle({interest}, [this] { ++settled; });
    }
    void confirm(std::size_t index) { port->waiting.at(index)({}); }

    test::LoopsOnlyServer server{1};
    std::shared_ptr<test::FakeReceiver> receiver = std::make_shared<test::FakeReceiver>();
    std::shared_ptr<hub::Hub> hub = hub::Hub::create().value();
    std::shared_ptr<FakePort> port = std::make_shared<FakePort>();
    std::shared_ptr<HubInterests> interests = std::make_shared<HubInterests>(hub, port);
    const Interest red{Interest::Kind::topic, "red"};
    int settled = 0;
};

TEST_F(HubInterestsTest, FollowWhatTheHubSaysNotTheOrderOfTheCalls) {
    auto subscriber = attach("red");
    interests->changed(red);
    EXPECT_EQ(port->topics, (std::set<std::string>{"tred"}));
    interests->changed(red);  // told twice: nothing else comes of it
    server.fakes[0]->on([&] { subscriber->detach(); });
    interests->changed(red);
    EXPECT_TRUE(port->topics.empty());
    interests->changed(red);
    EXPECT_TRUE(port->topics.empty());
}

TEST_F(HubInterestsTest, SettleWhenTheLatestSubscriptionIsInEffect) {
    const auto subscriber = attach("red");
    interests->changed(red);
    settle(red);
    EXPECT_EQ(settled, 0);
    EXPECT_FALSE(interests->listens_to("tred"));
    interests->changed(red);
    confirm(0);
    EXPECT_EQ(settled, 0) << "that was the one before";
    confirm(1);
    EXPECT_EQ(settled, 1);
    EXPECT_TRUE(interests->listens_to("tred"));
    EXPECT_FALSE(interests->listens_to("tblue"));
    EXPECT_TRUE(interests->listens_to("a"));
    settle(red);
    EXPECT_EQ(settled, 2) << "at once";
}

TEST_F(HubInterestsTest, SettleWaitsAlsoForWhatAnotherLoopIsAboutToTell) {
    settle(red);
    EXPECT_EQ(settled, 1) << "the hub has no such interest: nothing to wait for";
    const auto subscriber = attach("red");
    settle(red);
    EXPECT_EQ(settled, 1);
    EXPECT_EQ(port->topics, (std::set<std::string>{"tred"}));
    interests->changed(red);
    confirm(0);
    EXPECT_EQ(settled, 1);
    confirm(1);
    EXPECT_EQ(settled, 2);
}

TEST_F(HubInterestsTest, NobodyWaitsForWhatIsGivenUpOrWhileAlone) {
    auto subscriber = attach("red");
    interests->changed(red);
    settle(red);
    server.fakes[0]->on([&] { subscriber->detach(); });
    interests->changed(red);
    EXPECT_EQ(settled, 1);

    subscriber = attach("red");
    interests->changed(red);
    settle(red);
    EXPECT_EQ(settled, 1);
    interests->set_alone(true);
    EXPECT_EQ(settled, 2);
    settle(red);
    EXPECT_EQ(settled, 3);
    interests->set_alone(false);
    settle(red);
    EXPECT_EQ(settled, 3) << "it is not in effect yet";
    confirm(1);
    EXPECT_EQ(settled, 4);
}

TEST_F(HubInterestsTest, WhatIsRefusedIsNotWaitedFor) {
    const auto subscriber = attach("red");
    interests->changed(red);
    settle(red);
    port->waiting.at(0)(Error{Errc::system, "refused"});
    EXPECT_EQ(settled, 1);
}

}  // namespace
}  // namespace cryo::cluster
