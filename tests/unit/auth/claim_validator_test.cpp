#include <chrono>

#include <gtest/gtest.h>

#include <cryo/auth/claim_store.h>

#include "unit/auth/validate.h"

namespace cryo::test {
namespace {

std::string create(auth::IClaimStore& store, auth::Claim claim) {
    using std::chrono::seconds;
    claim.expires_at = std::chrono::floor<seconds>(std::chrono::system_clock::now()) + seconds(600);
    std::string id;
    store.create(std::move(claim), [&](Result<auth::Claim> stored) { id = stored.value().id; });
    return id;
}

TEST(ClaimValidator, AdmitsOnceAsTheUserOfTheClaim) {
    const auto store = auth::make_memory_claim_store();
    const auto validator = auth::make_claim_validator(store);
    const std::string id = create(*store, {.user = "ann", .session = "s\"1", .topics = {"a", "b"}});
    EXPECT_EQ(validate(*validator, id), (Identity{"ann", R"({"sub":"ann","sid":"s\"1","channels":["a","b"]})"}));
    EXPECT_EQ(validate(*validator, id), std::nullopt);
}

TEST(ClaimValidator, ClaimsWithoutSessionAndTopicsAreShorter) {
    const auto store = auth::make_memory_claim_store();
    const auto validator = auth::make_claim_validator(store);
    const std::string id = create(*store, {.user = "b\xff"});
    EXPECT_EQ(validate(*validator, id), (Identity{"b\xff", "{\"sub\":\"b\xef\xbf\xbd\",\"channels\":[]}"}));
}

TEST(ClaimValidator, RefusesWhatIsNoClaim) {
    const auto validator = auth::make_claim_validator(auth::make_memory_claim_store());
    EXPECT_EQ(validate(*validator, ""), std::nullopt);
    EXPECT_EQ(validate(*validator, "unknown"), std::nullopt);
}

}  // namespace
}  // namespace cryo::test
