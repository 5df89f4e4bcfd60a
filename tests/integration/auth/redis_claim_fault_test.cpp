// Claims while Redis fails under those who redeem them: none is redeemed twice, and nobody is told what is not known.

#include <atomic>

#include "integration/auth/redis_claim_fixture.h"
#include "support/redis_cluster.h"
#include "support/tcp_proxy.h"

namespace cryo::test {
namespace {

using Redemption = std::shared_ptr<Inbox<Result<Claim>>>;

Claim claim_of(std::string id) { return {std::move(id), "ann", {}, {}, real_now() + std::chrono::seconds(600)}; }

/// The request has left when this returns.
Redemption begin_redeem(RedisStore& store, const std::string& id) {
    auto redemption = std::make_shared<Inbox<Result<Claim>>>();
    (*store).redeem(id, [redemption](Result<Claim> result) { redemption->push(std::move(result)); });
    store.finish_turn();
    return redemption;
}

Errc error_of(const Redemption& redemption) {
    const auto result = redemption->next();
    return result && !result->ok() ? result->error().code : Errc{};
}

/// One Redis behind a network that fails.
class RedisClaimFault : public ::testing::Test {
protected:
    void SetUp() override {
        for (const auto* id : {"1", "other"}) ASSERT_TRUE(caller.create(claim_of(id)));
        ASSERT_TRUE(caller.redeem("other"));  // Redis knows the script now
    }
    redis::Options options() const {
        auto options = redis_options(server);
        options.address.port = network.port();
        return options;
    }

    RedisServer server;
    TcpProxy network{server.port()};
    RedisStore store{options()};
    ClaimStoreCaller caller{*store};
};

TEST_F(RedisClaimFault, ARedemptionWhoseAnswerIsLostIsNotRepeated) {
    network.set(TcpProxy::Mode::mute);
    const auto redemption = begin_redeem(store, "1");
    ASSERT_TRUE(eventually([&] { return server.command({"EXISTS", "claim:1"}) == "0"; }));
    network.set(TcpProxy::Mode::cut);
    EXPECT_EQ(error_of(redemption), Errc::outcome_unknown);
    network.set(TcpProxy::Mode::open);
    EXPECT_EQ(caller.redeem("1").error().code, Errc::not_found);
}

TEST_F(RedisClaimFault, ARedemptionThatIsLostLeavesTheClaim) {
    ASSERT_EQ(server.command({"CLIENT", "PAUSE", "600000", "WRITE"}), "OK");  // it arrives, and is not carried out
    const auto redemption = begin_redeem(store, "1");
    network.set(TcpProxy::Mode::cut);
    EXPECT_EQ(error_of(redemption), Errc::outcome_unknown);
    network.set(TcpProxy::Mode::open);
    ASSERT_EQ(server.command({"CLIENT", "UNPAUSE"}), "OK");
    EXPECT_TRUE(caller.redeem("1"));
    EXPECT_EQ(caller.redeem("1").error().code, Errc::not_found);
}

TEST(RedisClaimFailover, ARedemptionThatDiesWithTheMasterIsNotRepeatedByItself) {
    RedisReplicaSet set;
    auto options = redis_options(set.first());
    options.sentinel = redis::SentinelOptions{.addresses = {{.host = "127.0.0.1", .port = set.sentinel(0).port()}},
                                              .master_name = RedisReplicaSet::kName};
    RedisStore store(options);
    ClaimStoreCaller caller(*store);
    for (const auto* id : {"1", "2"}) ASSERT_TRUE(caller.create(claim_of(id)));
    ASSERT_TRUE(caller.redeem("2"));
    const auto on_replica = [&](const std::string& id) { return set.second().command({"EXISTS", "claim:" + id}); };
    ASSERT_TRUE(eventually([&] { return on_replica("1") == "1" && on_replica("2") == "0"; }));

    set.first().pause();
    const auto redemption = begin_redeem(store, "1");
    set.first().stop();
    EXPECT_EQ(error_of(redemption), Errc::outcome_unknown);
    EXPECT_EQ(caller.redeem("2").error().code, Errc::not_found) << "the replica, the master now, knows of it";
    EXPECT_EQ(on_replica("1"), "1") << "what had left for the old master was not sent to the new one";
    EXPECT_TRUE(caller.redeem("1"));
    EXPECT_EQ(caller.redeem("1").error().code, Errc::not_found);
}

TEST(RedisClaimFailover, IsRedeemedOnceWhileShardsChangeTheirMasters) {
    RedisCluster cluster(3, true);
    auto options = redis_options(cluster.node(0));
    options.cluster = redis::ClusterOptions{.seeds = {options.address}};
    RedisStore store(options), other(options);
    ClaimStoreCaller callers[]{ClaimStoreCaller(*store), ClaimStoreCaller(*other)};

    std::atomic<bool> failing_over{true};
    std::thread failovers([&] {
        for (std::size_t i = 3; i < 6; ++i) EXPECT_TRUE(RedisCluster::fail_over(cluster.node(i)));
        failing_over = false;
    });
    int redeemed = 0, unknown = 0;
    for (int i = 0; failing_over || i < 100; ++i) {
        const auto id = std::to_string(i);
        const auto created = callers[0].create(claim_of(id));
        const int at_once = race(2, [&](int caller) { return callers[caller].redeem(id).ok(); });
        const int later = callers[1].redeem(id) ? 1 : 0;
        EXPECT_LE(at_once + later, 1) << id;
        (created ? redeemed : unknown) += created ? at_once + later : 1;
    }
    failovers.join();
    EXPECT_GE(redeemed + unknown, 100);
    EXPECT_GT(redeemed, unknown) << "a change of masters that was asked for costs a few claims at most";
}

}  // namespace
}  // namespace cryo::test
