#pragma once

// What every claim store has to do. A harness H is default-constructible and has
//   IClaimStore& store();            with ClaimLimits{.max_topics = 8, .max_field_bytes = 64}
//   sys_seconds now();               of the clock that claims end by
//   void wait_until(sys_seconds);    until that clock is there

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/claim_store_caller.h"

namespace cryo::test {

template <class Harness>
class ClaimStoreContract : public ::testing::Test {
protected:
    Claim claim_of(std::string user, std::string session = {}, std::vector<std::string> topics = {}) {
        return {{}, std::move(user), std::move(session), std::move(topics), harness.now() + std::chrono::seconds(600)};
    }
    Claim claim_with_id(std::string id, std::string user = "ann") {
        Claim claim = claim_of(std::move(user));
        claim.id = std::move(id);
        return claim;
    }
    /// Creates it and gives its id.
    std::string created(Claim claim) {
        const auto stored = caller.create(std::move(claim));
        EXPECT_TRUE(stored) << stored.error().message;
        return stored ? stored.value().id : std::string();
    }
    static Errc code_of(const Result<Claim>& result) { return result ? Errc{} : result.error().code; }

    Harness harness;
    ClaimStoreCaller caller{harness.store()};
};

TYPED_TEST_SUITE_P(ClaimStoreContract);

TYPED_TEST_P(ClaimStoreContract, IsRedeemedOnce) {
    auto& store = this->caller;
    const auto stored = store.create(this->claim_of("ann", "s1", {"a", "b"}));
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored.value(), (Claim{stored.value().id, "ann", "s1", {"a", "b"}, stored.value().expires_at}));

    const auto redeemed = store.redeem(stored.value().id);
    ASSERT_TRUE(redeemed) << redeemed.error().message;
    EXPECT_EQ(redeemed.value(), stored.value());
    EXPECT_EQ(this->code_of(store.redeem(stored.value().id)), Errc::not_found);
    EXPECT_EQ(this->code_of(store.find(stored.value().id)), Errc::not_found);
}

TYPED_TEST_P(ClaimStoreContract, FindLeavesItThere) {
    auto& store = this->caller;
    const std::string id = this->created(this->claim_of("ann", {}, {"a"}));
    for (int i = 0; i < 3; ++i) {
        const auto found = store.find(id);
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_EQ(found.value().user, "ann");
        EXPECT_EQ(found.value().topics, std::vector<std::string>{"a"});
    }
    EXPECT_TRUE(store.redeem(id));
}

TYPED_TEST_P(ClaimStoreContract, MakesUpIdsThatNobodyGuesses) {
    std::set<std::string> ids;
    for (int i = 0; i < 50; ++i) {
        const std::string id = this->created(this->claim_of("ann"));
        EXPECT_EQ(id.size(), 32u);
        EXPECT_TRUE(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; })) << id;
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 50u);
}

TYPED_TEST_P(ClaimStoreContract, TidiesTopics) {
    const auto stored = this->caller.create(this->claim_of("ann", {}, {"b", "", "a", "b", "a"}));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored.value().topics, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(this->caller.redeem(stored.value().id).value().topics, (std::vector<std::string>{"b", "a"}));
}

TYPED_TEST_P(ClaimStoreContract, RefusesFieldsItCannotKeep) {
    auto& store = this->caller;
    const std::string fits(64, 'x'), too_long(65, 'x');
    const auto refused = [&](Claim claim) { return this->code_of(store.create(std::move(claim))); };
    EXPECT_EQ(refused(this->claim_of("")), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of(too_long)), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of("ann", too_long)), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of("ann", "", {too_long})), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of("ann", "", {"a,b"})), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of("ann", "", {"1", "2", "3", "4", "5", "6", "7", "8", "9"})),
              Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_with_id(too_long)), Errc::invalid_argument);
    EXPECT_EQ(refused(this->claim_of(fits, fits, {fits})), Errc{});
    EXPECT_EQ(refused(this->claim_with_id(fits)), Errc{});
    EXPECT_EQ(this->code_of(store.redeem(too_long)), Errc::not_found);
    EXPECT_EQ(this->code_of(store.find("")), Errc::not_found);

    Claim expired = this->claim_of("ann");
    expired.expires_at = this->harness.now();
    EXPECT_EQ(refused(expired), Errc::invalid_argument);
    expired.expires_at = std::chrono::sys_seconds(std::chrono::seconds(253'402'300'800));  // year 10,000
    EXPECT_EQ(refused(expired), Errc::invalid_argument);
    expired.expires_at -= std::chrono::seconds(1);
    EXPECT_EQ(refused(expired), Errc{});
    EXPECT_EQ(store.list(ClaimTarget::of_user("ann")).size(), 2u);
}

TYPED_TEST_P(ClaimStoreContract, KeepsFieldsByteForByte) {
    using namespace std::string_literals;
    const auto odd = "\0 :-{}*?[]\r\n\xff\"'\\"s;
    Claim claim = this->claim_of(odd, odd, {odd, "claim-user:x", "0"});
    claim.id = odd;
    ASSERT_EQ(this->created(claim), odd);
    EXPECT_EQ(this->caller.find(odd).value(), claim);
    EXPECT_EQ(this->caller.list(ClaimTarget::of_session(odd, odd)), std::vector<Claim>{claim});
    EXPECT_EQ(this->caller.list(ClaimTarget::of_topic(odd)), std::vector<Claim>{claim});
    EXPECT_EQ(this->caller.redeem(odd).value(), claim);
}

TYPED_TEST_P(ClaimStoreContract, AnIdInUseIsRefusedUntilItIsFree) {
    auto& store = this->caller;
    ASSERT_EQ(this->created(this->claim_with_id("once")), "once");
    EXPECT_EQ(this->code_of(store.create(this->claim_with_id("once", "bob"))), Errc::duplicate);
    EXPECT_EQ(store.list(ClaimTarget::of_user("bob")).size(), 0u);
    EXPECT_EQ(store.redeem("once").value().user, "ann");

    ASSERT_EQ(this->created(this->claim_with_id("once", "bob")), "once");
    EXPECT_EQ(store.ids(ClaimTarget::of_user("bob")), std::vector<std::string>{"once"});
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), std::vector<std::string>{});
    EXPECT_EQ(store.remove(ClaimTarget::of_user("bob")), 1u);
    ASSERT_EQ(this->created(this->claim_with_id("once")), "once");
}

TYPED_TEST_P(ClaimStoreContract, AnExpiredClaimIsGone) {
    auto& store = this->caller;
    Claim claim = this->claim_of("ann", "s1", {"a"});
    claim.id = "short";
    claim.expires_at = this->harness.now() + std::chrono::seconds(2);
    const std::string lasting = this->created(this->claim_of("ann", "s1", {"a"}));
    this->created(claim);
    this->harness.wait_until(claim.expires_at);

    for (const Errc code : {this->code_of(store.find("short")), this->code_of(store.redeem("short"))}) {
        EXPECT_TRUE(code == Errc::not_found || code == Errc::wrong_state);
    }
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), std::vector<std::string>{lasting});
    EXPECT_EQ(store.change(ClaimTarget::of_session("ann", "s1"), "b", TopicChange::add), 1u);
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("a")), 1u);

    claim.expires_at = this->harness.now() + std::chrono::seconds(600);
    EXPECT_EQ(this->created(claim), "short");
    EXPECT_EQ(store.redeem("short").value(), claim);
}

TYPED_TEST_P(ClaimStoreContract, ListsWhatIsMeant) {
    auto& store = this->caller;
    const auto create = [&](std::string id, std::string user, std::string session, std::vector<std::string> topics) {
        Claim claim = this->claim_of(std::move(user), std::move(session), std::move(topics));
        claim.id = std::move(id);
        return this->created(std::move(claim));
    };
    create("1", "a", "", {"x"});
    create("2", "a", "b-c", {"x", "y"});
    create("3", "a-b", "c", {});
    create("4", "a", "other", {"y"});

    using Ids = std::vector<std::string>;
    EXPECT_EQ(store.ids(ClaimTarget::of_user("a")), (Ids{"1", "2", "4"}));
    EXPECT_EQ(store.ids(ClaimTarget::of_user("a-b")), Ids{"3"});
    EXPECT_EQ(store.ids(ClaimTarget::of_session("a", "b-c")), Ids{"2"}) << "not that of the user a-b, session c";
    EXPECT_EQ(store.ids(ClaimTarget::of_session("a-b", "c")), Ids{"3"});
    EXPECT_EQ(store.ids(ClaimTarget::of_session("a", "")), Ids{});
    EXPECT_EQ(store.ids(ClaimTarget::of_session("", "c")), Ids{});
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("x")), (Ids{"1", "2"}));
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("y")), (Ids{"2", "4"}));
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("")), Ids{});
    EXPECT_EQ(store.ids(ClaimTarget::of_user("nobody")), Ids{});
}

TYPED_TEST_P(ClaimStoreContract, RemovesWhatIsMeant) {
    auto& store = this->caller;
    const std::string plain = this->created(this->claim_of("ann", "", {"x"}));
    const std::string first = this->created(this->claim_of("ann", "s1", {"x"}));
    const std::string second = this->created(this->claim_of("ann", "s2"));
    const std::string other = this->created(this->claim_of("bob", "s1", {"x"}));

    EXPECT_EQ(store.remove(ClaimTarget::of_session("ann", "s1")), 1u);
    EXPECT_EQ(this->code_of(store.redeem(first)), Errc::not_found);
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("x")).size(), 2u) << "out of the other lists, too";
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("x")), 2u);
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), std::vector<std::string>{second});
    EXPECT_EQ(store.remove(ClaimTarget::of_user("bob")), 0u);
    EXPECT_EQ(store.remove(ClaimTarget::of_user("ann")), 1u);
    for (const auto& id : {plain, second, other}) EXPECT_EQ(this->code_of(store.redeem(id)), Errc::not_found);
}

TYPED_TEST_P(ClaimStoreContract, ManyClaimsOfOneTargetAreAllMeant) {
    auto& store = this->caller;
    for (int i = 0; i < 700; ++i) this->created(this->claim_with_id(std::to_string(i)));
    EXPECT_EQ(store.list(ClaimTarget::of_user("ann")).size(), 700u);
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::add), 700u);
    EXPECT_EQ(store.list(ClaimTarget::of_topic("x")).size(), 700u);
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("x")), 700u);
    EXPECT_EQ(store.list(ClaimTarget::of_user("ann")).size(), 0u);
}

TYPED_TEST_P(ClaimStoreContract, ChangesTheTopicsOfWhatIsMeant) {
    auto& store = this->caller;
    const std::string one = this->created(this->claim_of("ann", "s1", {"x"}));
    const std::string two = this->created(this->claim_of("ann", "s2"));
    const std::string bob = this->created(this->claim_of("bob"));

    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::add), 1u) << "one has it already";
    EXPECT_EQ(store.change(ClaimTarget::of_session("ann", "s1"), "y", TopicChange::add), 1u);
    EXPECT_EQ(store.change(ClaimTarget::of_topic("y"), "z", TopicChange::add), 1u);
    EXPECT_EQ(store.find(one).value().topics, (std::vector<std::string>{"x", "y", "z"}));
    EXPECT_EQ(store.find(two).value().topics, std::vector<std::string>{"x"});
    EXPECT_EQ(store.find(bob).value().topics, std::vector<std::string>{});
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("x")).size(), 2u);

    EXPECT_EQ(store.change(ClaimTarget::of_topic("x"), "x", TopicChange::remove), 2u);
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::remove), 0u);
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("x")), std::vector<std::string>{});
    EXPECT_EQ(store.redeem(one).value().topics, (std::vector<std::string>{"y", "z"}));
    EXPECT_EQ(store.redeem(two).value().topics, std::vector<std::string>{});

    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::add), 0u);
    EXPECT_EQ(this->code_of(store.find(one)), Errc::not_found) << "a change brings nothing back";
}

TYPED_TEST_P(ClaimStoreContract, ChangesTopicsWithinTheLimits) {
    auto& store = this->caller;
    const std::string id = this->created(this->claim_of("ann", "", {"1", "2", "3", "4", "5", "6", "7"}));
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "8", TopicChange::add), 1u);
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "9", TopicChange::add), 0u);
    EXPECT_EQ(store.find(id).value().topics.size(), 8u);
    for (const std::string& topic : {std::string(), std::string("a,b"), std::string(65, 'x')}) {
        const auto refused = ClaimStoreCaller::answer<std::size_t>([&](auto done) {
            this->harness.store().change_topic(ClaimTarget::of_user("ann"), topic, TopicChange::add, std::move(done));
        });
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    }
}

TYPED_TEST_P(ClaimStoreContract, OfManyRedeemersOneWins) {
    for (int round = 0; round < 25; ++round) {
        const std::string id = this->created(this->claim_of("ann"));
        ASSERT_EQ(race(8, [&](int) { return this->caller.redeem(id).ok(); }), 1) << "round " << round;
    }
}

TYPED_TEST_P(ClaimStoreContract, OfManyCreatorsOfOneIdOneWins) {
    for (int round = 0; round < 25; ++round) {
        const auto create = [&](int i) {
            return this->caller.create(this->claim_with_id("id", std::to_string(i))).ok();
        };
        ASSERT_EQ(race(8, create), 1) << "round " << round;
        const auto winner = this->caller.redeem("id");
        ASSERT_TRUE(winner);
        ASSERT_EQ(this->caller.ids(ClaimTarget::of_user(winner.value().user)), std::vector<std::string>{});
    }
}

TYPED_TEST_P(ClaimStoreContract, ARemovalAndARedemptionNeverBothTakeIt) {
    for (int round = 0; round < 25; ++round) {
        const std::string id = this->created(this->claim_of("ann"));
        ASSERT_EQ(race(6,
                       [&](int i) {
                           return i % 2 == 0 ? this->caller.redeem(id).ok()
                                             : this->caller.remove(ClaimTarget::of_user("ann")) == 1;
                       }),
                  1)
            << "round " << round;
    }
}

TYPED_TEST_P(ClaimStoreContract, AChangeOfTopicsBringsNoRedeemedClaimBack) {
    for (int round = 0; round < 25; ++round) {
        const std::string id = this->created(this->claim_of("ann"));
        ASSERT_EQ(race(6,
                       [&](int i) {
                           if (i == 0) return this->caller.redeem(id).ok();
                           this->caller.change(ClaimTarget::of_user("ann"), std::to_string(i),
                                               i % 2 == 0 ? TopicChange::add : TopicChange::remove);
                           return false;
                       }),
                  1);
        ASSERT_EQ(this->code_of(this->caller.find(id)), Errc::not_found) << "round " << round;
        ASSERT_EQ(this->caller.ids(ClaimTarget::of_user("ann")), std::vector<std::string>{});
    }
}

TYPED_TEST_P(ClaimStoreContract, ConcurrentChangesOfTopicsAddUp) {
    for (int round = 0; round < 10; ++round) {
        const std::string id = this->created(this->claim_of("ann"));
        race(8, [&](int i) {
            return this->caller.change(ClaimTarget::of_user("ann"), std::to_string(i), TopicChange::add) == 1;
        });
        ASSERT_EQ(this->caller.find(id).value().topics.size(), 8u);
        for (int i = 0; i < 8; ++i) {
            ASSERT_EQ(this->caller.ids(ClaimTarget::of_topic(std::to_string(i))), std::vector<std::string>{id});
        }
        EXPECT_TRUE(this->caller.redeem(id));
    }
}

REGISTER_TYPED_TEST_SUITE_P(ClaimStoreContract, IsRedeemedOnce, FindLeavesItThere, MakesUpIdsThatNobodyGuesses,
                            TidiesTopics, RefusesFieldsItCannotKeep, KeepsFieldsByteForByte,
                            AnIdInUseIsRefusedUntilItIsFree, AnExpiredClaimIsGone, ListsWhatIsMeant, RemovesWhatIsMeant,
                            ManyClaimsOfOneTargetAreAllMeant, ChangesTheTopicsOfWhatIsMeant,
                            ChangesTopicsWithinTheLimits, OfManyRedeemersOneWins, OfManyCreatorsOfOneIdOneWins,
                            ARemovalAndARedemptionNeverBothTakeIt, AChangeOfTopicsBringsNoRedeemedClaimBack,
                            ConcurrentChangesOfTopicsAddUp);

}  // namespace cryo::test
