// Claims in a Redis Cluster, where a claim and the sets that list it lie on different nodes.

#include "integration/auth/redis_claim_fixture.h"
#include "support/claim_store_contract.h"
#include "support/redis_cluster.h"

namespace cryo::test {
namespace {

RedisCluster& cluster() {
    static RedisCluster shared;
    return shared;
}

redis::Options cluster_options() {
    auto options = redis_options(cluster().node(0));
    options.cluster.emplace();
    for (std::size_t i = 0; i < cluster().size(); ++i) {
        options.cluster->seeds.push_back({.host = "127.0.0.1", .port = cluster().node(i).port()});
    }
    return options;
}

struct ClusterHarness : RealTime {
    ClusterHarness() {
        for (std::size_t i = 0; i < cluster().size(); ++i) cluster().node(i).command({"FLUSHALL"});
    }
    IClaimStore& store() { return *claims; }

    RedisStore claims{cluster_options()};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, ClaimStoreContract, ClusterHarness);

TEST(RedisClaimCluster, LeavesNothingOnAnyNode) {
    ClusterHarness harness;
    ClaimStoreCaller store(harness.store());
    const auto keys = [] {
        std::size_t count = 0;
        for (std::size_t i = 0; i < cluster().size(); ++i) {
            count += static_cast<std::size_t>(std::stoi(cluster().node(i).command({"DBSIZE"})));
        }
        return count;
    };
    const auto end = real_now() + std::chrono::seconds(600);
    for (int i = 0; i < 50; ++i) {
        const auto number = std::to_string(i);
        ASSERT_TRUE(store.create({number, "user" + number, "s", {"topic" + number}, end}));
    }
    EXPECT_EQ(keys(), 200u);
    for (int i = 0; i < 50; ++i) {
        const auto number = std::to_string(i);
        if (i % 2 == 0) {
            EXPECT_TRUE(store.redeem(number));
        } else {
            EXPECT_EQ(store.remove(ClaimTarget::of_session("user" + number, "s")), 1u);
        }
    }
    EXPECT_EQ(keys(), 0u);
}

TEST(RedisClaimCluster, CreatingClaimsTakesOutThoseThatHaveGone) {
    ClusterHarness harness;
    ClaimStoreCaller store(harness.store());
    const std::vector<std::string> keys{"claim-user:ann", "claim-user-session:ann-s", "claim-channel:a"};
    const auto on_each_node = [](const std::string& command, const std::string& key, const std::string& argument) {
        std::vector<std::string> answers;
        for (std::size_t i = 0; i < cluster().size(); ++i) {
            auto answer = cluster().node(i).command({command, key, argument});
            if (!answer.starts_with("-MOVED")) answers.push_back(std::move(answer));
        }
        return answers;
    };
    for (const auto& key : keys) {
        for (int i = 0; i < 20; ++i) on_each_node("SADD", key, "gone" + std::to_string(i));
    }
    const auto claim = [](std::string id) {
        return Claim{std::move(id), "ann", "s", {"a"}, real_now() + std::chrono::seconds(600)};
    };
    ASSERT_TRUE(store.create(claim("live")));
    EXPECT_TRUE(eventually([&] {
        EXPECT_TRUE(store.create(claim("next")));
        EXPECT_TRUE(store.redeem("next"));
        return std::ranges::all_of(keys, [&](const auto& key) {
            return on_each_node("SRANDMEMBER", key, "100") == std::vector<std::string>{"live"};
        });
    }));
    EXPECT_TRUE(store.redeem("live"));
}

}  // namespace
}  // namespace cryo::test
