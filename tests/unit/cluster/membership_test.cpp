#include "membership.h"

#include <gtest/gtest.h>

namespace cryo::cluster {
namespace {

using namespace std::chrono_literals;
using Verdict = Membership::Verdict;

class MembershipTest : public ::testing::Test {
protected:
    Verdict heard(std::string_view name, std::uint64_t epoch) { return members.heard(name, epoch, now).verdict; }

    Membership::Time now{1h};
    Membership members{3};
};

TEST_F(MembershipTest, JoinsOnceAndIsKnown) {
    EXPECT_EQ(heard("a", 5), Verdict::joined);
    EXPECT_EQ(heard("a", 5), Verdict::known);
    EXPECT_EQ(members.alive(), (std::vector<NodeId>{{"a", 5}}));
}

TEST_F(MembershipTest, ALaterLifeReplacesTheEarlierWhoseMessagesAreRefused) {
    heard("a", 5);
    const auto replaced = members.heard("a", 6, now);
    EXPECT_EQ(replaced.verdict, Verdict::replaced);
    EXPECT_EQ(replaced.before, (NodeId{"a", 5}));
    EXPECT_EQ(heard("a", 5), Verdict::dead);
    EXPECT_EQ(heard("a", 4), Verdict::dead);
    EXPECT_EQ(members.alive_count(), 1u);
}

TEST_F(MembershipTest, TheSilentDieAndStayDead) {
    heard("a", 5);
    now += 3s;
    heard("b", 1);
    EXPECT_EQ(members.expire(now - 1s, now), (std::vector<NodeId>{{"a", 5}}));
    EXPECT_EQ(heard("a", 5), Verdict::dead);
    EXPECT_EQ(members.find("a"), nullptr);
    EXPECT_EQ(heard("a", 6), Verdict::joined);
}

TEST_F(MembershipTest, AnEarlierEpochMayComeAfterADeath) {
    heard("a", 5);
    EXPECT_TRUE(members.left({"a", 5}, now));
    EXPECT_EQ(heard("a", 3), Verdict::joined) << "a machine whose clock was set back";
    EXPECT_EQ(heard("a", 5), Verdict::dead);
}

TEST_F(MembershipTest, OnlyTheLivingCanLeave) {
    EXPECT_FALSE(members.left({"a", 5}, now));
    heard("a", 5);
    EXPECT_FALSE(members.left({"a", 4}, now));
    EXPECT_TRUE(members.left({"a", 5}, now));
    EXPECT_FALSE(members.left({"a", 5}, now));
}

TEST_F(MembershipTest, TheForgottenComeBackAsTheSameLife) {
    heard("a", 5);
    const auto life = members.find("a")->life;
    EXPECT_EQ(members.forget_all(now).size(), 1u);
    EXPECT_FALSE(members.is_over(life));
    EXPECT_EQ(heard("a", 5), Verdict::joined);
    EXPECT_EQ(members.find("a")->life, life);

    members.forget_all(now);
    EXPECT_EQ(heard("a", 6), Verdict::joined);
    EXPECT_NE(members.find("a")->life, life);
    EXPECT_TRUE(members.is_over(life));
}

TEST_F(MembershipTest, TakesNoMoreThanTheLimit) {
    heard("a", 1);
    heard("b", 1);
    heard("c", 1);
    EXPECT_EQ(heard("d", 1), Verdict::full);
    EXPECT_EQ(heard("a", 2), Verdict::replaced);
    members.left({"b", 1}, now);
    EXPECT_EQ(heard("d", 1), Verdict::joined);
}

TEST_F(MembershipTest, RemembersTheDeadOnlyForSoLong) {
    for (int i = 0; i < 100; ++i) {
        now += 1s;
        const auto name = "n" + std::to_string(i);
        EXPECT_EQ(heard(name, 1), Verdict::joined);
        members.left({name, 1}, now);
    }
    EXPECT_EQ(heard("n99", 1), Verdict::dead);
    EXPECT_EQ(heard("n0", 1), Verdict::joined);
    EXPECT_EQ(members.alive_count(), 1u);
}

}  // namespace
}  // namespace cryo::cluster
