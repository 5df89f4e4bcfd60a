#include "roster.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace cryo::broker {
namespace {

MemberPtr member(std::string id, std::string user, std::string session, std::vector<std::string> channels) {
    auto made = std::make_shared<Member>();
    made->id = std::move(id);
    made->user = std::move(user);
    made->session = std::move(session);
    made->channels = std::move(channels);
    return made;
}

class BrokerRoster : public ::testing::Test {
protected:
    BrokerRoster() {
        for (const auto& one : {a1_, a2_, a_, b1_}) roster_.add(one);
    }

    std::string found(const Target& target) const {
        std::vector<std::string> ids;
        for (const auto& one : roster_.find(target)) ids.push_back(one->id);
        std::ranges::sort(ids);
        std::string joined;
        for (const auto& id : ids) joined += id + ' ';
        return joined;
    }

    MemberPtr a1_ = member("a1", "a", "1", {"red", "blue"});
    MemberPtr a2_ = member("a2", "a", "2", {"red"});
    MemberPtr a_ = member("a", "a", "", {});
    MemberPtr b1_ = member("b1", "b", "1", {"red"});
    Roster roster_;
};

TEST_F(BrokerRoster, FindsById) {
    EXPECT_EQ(found({.id = "a2"}), "a2 ");
    EXPECT_EQ(found({.id = "nobody"}), "");
}

TEST_F(BrokerRoster, FindsByUserAndSession) {
    EXPECT_EQ(found({.user = "a"}), "a a1 a2 ");
    EXPECT_EQ(found({.user = "a", .session = "1"}), "a1 ");
    EXPECT_EQ(found({.user = "b", .session = "2"}), "");
    EXPECT_EQ(found({.session = "1"}), "");
}

TEST_F(BrokerRoster, FindsByChannelAndSession) {
    EXPECT_EQ(found({.channel = "red"}), "a1 a2 b1 ");
    EXPECT_EQ(found({.session = "1", .channel = "red"}), "a1 b1 ");
}

TEST_F(BrokerRoster, IdGoesBeforeChannelBeforeUser) {
    EXPECT_EQ(found({.id = "a", .user = "b", .channel = "red"}), "a ");
    EXPECT_EQ(found({.user = "b", .channel = "blue"}), "a1 ");
}

TEST_F(BrokerRoster, SubscribesOnce) {
    EXPECT_TRUE(roster_.subscribe(a_, "new"));
    EXPECT_FALSE(roster_.subscribe(a_, "new"));
    EXPECT_EQ(found({.channel = "new"}), "a ");
    EXPECT_EQ(a_->channels, std::vector<std::string>{"new"});
    EXPECT_TRUE(roster_.unsubscribe(a_, "new"));
    EXPECT_FALSE(roster_.unsubscribe(a_, "new"));
    EXPECT_EQ(found({.channel = "new"}), "");
    EXPECT_TRUE(a_->channels.empty());
}

TEST_F(BrokerRoster, RemovesEverywhere) {
    EXPECT_TRUE(roster_.remove(a1_));
    EXPECT_FALSE(roster_.remove(a1_));
    EXPECT_EQ(found({.id = "a1"}) + found({.user = "a"}) + found({.channel = "blue"}), "a a2 ");
    EXPECT_EQ(roster_.size(), 3u);
}

TEST_F(BrokerRoster, TakesAnIdOnce) {
    EXPECT_FALSE(roster_.add(member("a1", "x", "", {"red"})));
    EXPECT_EQ(found({.user = "x"}), "");
}

}  // namespace
}  // namespace cryo::broker
