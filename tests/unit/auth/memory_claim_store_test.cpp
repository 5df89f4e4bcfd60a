#include "support/claim_store_contract.h"

namespace cryo::test {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

struct MemoryHarness {
    IClaimStore& store() { return *claims; }
    sys_seconds now() const { return sys_seconds(seconds(time->load())); }
    void wait_until(sys_seconds moment) { *time = moment.time_since_epoch().count(); }

    std::shared_ptr<std::atomic<std::int64_t>> time = std::make_shared<std::atomic<std::int64_t>>(1'700'000'000);
    std::shared_ptr<IClaimStore> claims = auth::make_memory_claim_store(
        {.limits = kSmallClaimLimits, .clock = [time = time] { return sys_seconds(seconds(time->load())); }});
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ClaimStoreContract, MemoryHarness);

TEST(MemoryClaimStore, IsBoundedAndExpiryMakesRoom) {
    sys_seconds now{seconds(1000)};
    const auto claims = auth::make_memory_claim_store({.limits = {.max_claims = 2}, .clock = [&] { return now; }});
    ClaimStoreCaller store(*claims);
    ASSERT_TRUE(store.create({"1", "ann", "", {}, now + seconds(10)}));
    ASSERT_TRUE(store.create({"2", "ann", "", {}, now + seconds(20)}));
    const auto refused = store.create({"3", "ann", "", {}, now + seconds(20)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (Error{Errc::unavailable, "there are too many claims (ClaimLimits::max_claims)"}));
    now += seconds(10);
    EXPECT_TRUE(store.create({"3", "ann", "", {}, now + seconds(20)}));
    EXPECT_FALSE(store.create({"4", "ann", "", {}, now + seconds(20)}));
    EXPECT_TRUE(store.redeem("2"));
    EXPECT_TRUE(store.create({"4", "ann", "", {}, now + seconds(20)}));
}

TEST(MemoryClaimStore, AnswersMayAskAgain) {
    const auto claims = auth::make_memory_claim_store();
    std::string user;
    Claim claim{"1", "ann", "", {}, std::chrono::floor<seconds>(std::chrono::system_clock::now()) + seconds(600)};
    claims->create(claim, [&](Result<Claim> stored) {
        claims->redeem(stored.value().id, [&](Result<Claim> redeemed) { user = redeemed.value().user; });
    });
    EXPECT_EQ(user, "ann");
}

}  // namespace
}  // namespace cryo::test
