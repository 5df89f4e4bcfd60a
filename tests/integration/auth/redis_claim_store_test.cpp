// Claims in a real Redis, which dSock's programs read and write as well.

#include <set>

#include "integration/auth/redis_claim_fixture.h"
#include "support/claim_store_contract.h"

namespace cryo::test {
namespace {

using std::chrono::seconds;
using Ids = std::vector<std::string>;

struct RedisHarness : RealTime {
    IClaimStore& store() { return *claims; }

    RedisServer server;
    RedisStore claims{redis_options(server)};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Redis, ClaimStoreContract, RedisHarness);

class RedisClaimStoreTest : public ::testing::Test {
protected:
    std::string redis(const RedisServer::Arguments& words) { return server.command(words); }
    /// The members of a set.
    std::set<std::string> members(const std::string& key) {
        std::set<std::string> found;
        std::string lines = redis({"SMEMBERS", key});
        for (std::size_t end = 0; !lines.empty(); lines.erase(0, end + 1)) {
            end = std::min(lines.find('\n'), lines.size());
            found.insert(lines.substr(0, end));
        }
        return found;
    }
    /// As dSock's API writes a claim.
    void create_like_dsock(const std::string& id, const std::string& user, const std::string& session,
                           const std::string& channel, const std::string& expiration) {
        redis({"HSET", "claim:" + id, "user", user, "expiration", expiration, "session", session, "channels", channel});
        redis({"SADD", "claim-user:" + user, id, "0"});
        redis({"SADD", "claim-user-session:" + user + "-" + session, id, "0"});
        redis({"SADD", "claim-channel:" + channel, id, "0"});
    }
    Claim claim_of(std::string id, std::string user = "ann", std::string session = {}, Ids topics = {}) {
        return {std::move(id), std::move(user), std::move(session), std::move(topics), real_now() + seconds(600)};
    }

    RedisServer server;
    RedisStore claims{redis_options(server)};
    ClaimStoreCaller store{*claims};
};

TEST_F(RedisClaimStoreTest, KeepsWhatDSockExpects) {
    const Claim claim{"id1", "ann", "s1", {"a", "b"}, std::chrono::sys_seconds(seconds(4'102'444'800))};
    ASSERT_TRUE(store.create(claim));
    EXPECT_EQ(redis({"HGET", "claim:id1", "user"}), "ann");
    EXPECT_EQ(redis({"HGET", "claim:id1", "session"}), "s1");
    EXPECT_EQ(redis({"HGET", "claim:id1", "channels"}), "a,b");
    EXPECT_EQ(redis({"HGET", "claim:id1", "expiration"}), "2100-01-01T00:00:00Z");
    EXPECT_EQ(redis({"HLEN", "claim:id1"}), "4");
    EXPECT_EQ(redis({"EXPIRETIME", "claim:id1"}), "4102444800");
    for (const std::string key :
         {"claim-user:ann", "claim-user-session:ann-s1", "claim-channel:a", "claim-channel:b"}) {
        EXPECT_EQ(members(key), std::set<std::string>{"id1"}) << key;
        EXPECT_EQ(redis({"TTL", key}), "-1") << key;
    }
    EXPECT_EQ(redis({"DBSIZE"}), "5");

    ASSERT_TRUE(store.create(claim_of("id2")));
    EXPECT_EQ(redis({"HLEN", "claim:id2"}), "2") << "neither session nor channels";
}

TEST_F(RedisClaimStoreTest, LeavesNothingBehind) {
    ASSERT_TRUE(store.create(claim_of("1", "ann", "s1", {"a", "b"})));
    ASSERT_TRUE(store.redeem("1"));
    EXPECT_EQ(redis({"DBSIZE"}), "0");
    ASSERT_TRUE(store.create(claim_of("2", "ann", "s1", {"a", "b"})));
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("b")), 1u);
    EXPECT_EQ(redis({"DBSIZE"}), "0");
    ASSERT_TRUE(store.create(claim_of("3")));
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::add), 1u);
    EXPECT_EQ(members("claim-channel:x"), std::set<std::string>{"3"});
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::remove), 1u);
    EXPECT_EQ(redis({"HEXISTS", "claim:3", "channels"}), "0");
    ASSERT_TRUE(store.redeem("3"));
    EXPECT_EQ(redis({"DBSIZE"}), "0");
}

TEST_F(RedisClaimStoreTest, ATopicChangeKeepsTheTimeToLive) {
    const Claim claim = claim_of("1");
    ASSERT_TRUE(store.create(claim));
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "x", TopicChange::add), 1u);
    EXPECT_EQ(redis({"EXPIRETIME", "claim:1"}), std::to_string(claim.expires_at.time_since_epoch().count()));
}

TEST_F(RedisClaimStoreTest, RedeemsAndRemovesDSocksClaims) {
    create_like_dsock("1", "ann", "s1", "a,b", "2100-01-01T01:00:00+01:00");
    EXPECT_EQ(store.find("1").value(),
              (Claim{"1", "ann", "s1", {"a", "b"}, std::chrono::sys_seconds(seconds(4'102'444'800))}));
    EXPECT_TRUE(store.redeem("1"));
    EXPECT_FALSE(store.redeem("1"));
    create_like_dsock("2", "ann", "s1", "a", "2100-01-01T00:00:00Z");
    EXPECT_EQ(store.ids(ClaimTarget::of_session("ann", "s1")), Ids{"2"});
    EXPECT_EQ(store.change(ClaimTarget::of_topic("a"), "z", TopicChange::add), 1u);
    EXPECT_EQ(redis({"HGET", "claim:2", "channels"}), "a,z");
    EXPECT_EQ(store.remove(ClaimTarget::of_user("ann")), 1u);
    EXPECT_FALSE(store.find("2"));
}

TEST_F(RedisClaimStoreTest, AClaimNamed0IsNobodyElses) {
    create_like_dsock("1", "ann", "s1", "a", "2100-01-01T00:00:00Z");  // with the member 0 in every set
    ASSERT_TRUE(store.create(claim_of("0", "bob")));
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), Ids{"1"});
    EXPECT_EQ(store.remove(ClaimTarget::of_user("ann")), 1u);
    EXPECT_EQ(store.change(ClaimTarget::of_topic("a"), "x", TopicChange::add), 0u);
    EXPECT_EQ(store.redeem("0").value().topics, Ids{});
}

TEST_F(RedisClaimStoreTest, ReadersTakeStaleIdsOutOfTheSets) {
    ASSERT_TRUE(store.create(claim_of("live", "ann", "s1", {"a"})));
    ASSERT_TRUE(store.create(claim_of("bobs", "bob", "", {})));
    const Ids keys{"claim-user:ann", "claim-user-session:ann-s1", "claim-channel:a"};
    const auto spoil = [&] {
        for (const auto& key : keys) redis({"SADD", key, "0", "gone", "bobs"});
    };
    const auto tidy = [&](const std::string& key) { return members(key) == std::set<std::string>{"live"}; };
    spoil();
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), Ids{"live"});
    EXPECT_EQ(store.ids(ClaimTarget::of_session("ann", "s1")), Ids{"live"});
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("a")), Ids{"live"});
    for (const auto& key : keys) EXPECT_TRUE(tidy(key)) << key;
    spoil();
    EXPECT_EQ(store.change(ClaimTarget::of_user("ann"), "b", TopicChange::add), 1u);
    EXPECT_TRUE(tidy("claim-user:ann"));
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("a")), 1u);
    EXPECT_EQ(members("claim-channel:a"), std::set<std::string>{});
    EXPECT_TRUE(store.redeem("bobs"));
}

TEST_F(RedisClaimStoreTest, CreatingClaimsTakesOutThoseThatExpired) {
    const Ids keys{"claim-user:ann", "claim-user-session:ann-s1", "claim-channel:a"};
    for (const std::string id : {"live1", "live2"}) ASSERT_TRUE(store.create(claim_of(id, "ann", "s1", {"a"})));
    for (int i = 0; i < 50; ++i) {
        const auto id = "expired" + std::to_string(i);
        ASSERT_TRUE(store.create(claim_of(id, "ann", "s1", {"a"})));
        redis({"PEXPIRE", "claim:" + id, "1"});
    }
    const std::set<std::string> live{"live1", "live2"};
    EXPECT_TRUE(eventually([&] {
        EXPECT_TRUE(store.create(claim_of("next", "ann", "s1", {"a"})));
        EXPECT_TRUE(store.redeem("next"));
        return std::ranges::all_of(keys, [&](const auto& key) { return members(key) == live; });
    }));
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("a")), (Ids{"live1", "live2"}));
}

TEST_F(RedisClaimStoreTest, CreatingLooksAtAFewIdsWhateverThereAre) {
    RedisStore large(redis_options(server), {.limits = {.max_topics = 100, .max_field_bytes = 64}});
    Claim claim = claim_of("new");
    for (int i = 0; i < 100; ++i) {
        const auto& topic = claim.topics.emplace_back("topic" + std::to_string(i));
        for (int gone = 0; gone < 10; ++gone) redis({"SADD", "claim-channel:" + topic, std::to_string(gone)});
    }
    ASSERT_TRUE(ClaimStoreCaller(*large).create(claim));
    EXPECT_TRUE(eventually([&] { return server.calls("srem") >= 45; }));
    EXPECT_EQ(server.calls("srandmember"), 16);
    EXPECT_LE(server.calls("exists"), 48);
}

TEST_F(RedisClaimStoreTest, AClaimThatSharesASetStaysInIt) {
    ASSERT_TRUE(store.create(claim_of("1", "a", "b-c")));
    ASSERT_TRUE(store.create(claim_of("2", "a-b", "c")));
    EXPECT_EQ(members("claim-user-session:a-b-c"), (std::set<std::string>{"1", "2"}));
    EXPECT_EQ(store.ids(ClaimTarget::of_session("a", "b-c")), Ids{"1"});
    EXPECT_EQ(store.change(ClaimTarget::of_session("a", "b-c"), "x", TopicChange::add), 1u);
    EXPECT_EQ(store.remove(ClaimTarget::of_session("a", "b-c")), 1u);
    EXPECT_EQ(members("claim-user-session:a-b-c"), std::set<std::string>{"2"});
    EXPECT_TRUE(store.redeem("2"));
}

TEST_F(RedisClaimStoreTest, AHashWithoutAUserIsNoClaim) {
    redis({"HSET", "claim:ghost", "channels", "a"});
    redis({"SADD", "claim-channel:a", "ghost"});
    EXPECT_EQ(store.find("ghost").error().code, Errc::not_found);
    EXPECT_EQ(store.redeem("ghost").error().code, Errc::not_found);
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("a")), Ids{});
    EXPECT_EQ(store.change(ClaimTarget::of_topic("a"), "b", TopicChange::add), 0u);
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("a")), 0u);
    EXPECT_TRUE(store.create(claim_of("ghost"))) << "its id is free";
    EXPECT_EQ(store.redeem("ghost").value().topics, Ids{});
}

TEST_F(RedisClaimStoreTest, ToldApartAreExpiredUnreadableAndForeignKeys) {
    create_like_dsock("old", "ann", "s", "a", "2001-01-01T00:00:00Z");
    create_like_dsock("odd", "ann", "s", "a", "10000-01-01T00:00:00Z");
    redis({"SET", "claim:text", "x"});
    EXPECT_EQ(store.find("old").error().code, Errc::wrong_state);
    EXPECT_EQ(store.find("odd").error().code, Errc::invalid_argument);
    EXPECT_EQ(store.find("text").error().code, Errc::refused);
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), Ids{});
    EXPECT_EQ(store.redeem("old").error().code, Errc::wrong_state);
    EXPECT_EQ(store.redeem("odd").error().code, Errc::invalid_argument);
    EXPECT_EQ(store.redeem("text").error().code, Errc::refused);
    EXPECT_EQ(store.create(claim_of("text")).error().code, Errc::refused);
}

TEST_F(RedisClaimStoreTest, AClaimThatCannotBeListedIsTakenBack) {
    redis({"SET", "claim-channel:odd", "no set"});
    EXPECT_EQ(store.create(claim_of("1", "ann", "", {"odd"})).error().code, Errc::outcome_unknown);
    EXPECT_TRUE(eventually([&] { return redis({"EXISTS", "claim:1"}) == "0"; }));
    EXPECT_EQ(store.ids(ClaimTarget::of_user("ann")), Ids{});
    EXPECT_TRUE(store.create(claim_of("1")));
}

TEST_F(RedisClaimStoreTest, AnIdUsedAgainWhileItIsRedeemedStaysListed) {
    RedisStore second(redis_options(server));
    ClaimStoreCaller other(*second);
    for (int round = 0; round < 50; ++round) {
        ASSERT_TRUE(store.create(claim_of("again")));
        std::thread redeemer([&] { EXPECT_TRUE(store.redeem("again")); });
        while (!other.create(claim_of("again"))) std::this_thread::yield();
        redeemer.join();
        ASSERT_TRUE(eventually([&] { return members("claim-user:ann") == std::set<std::string>{"again"}; }));
        ASSERT_TRUE(other.redeem("again"));
    }
}

TEST_F(RedisClaimStoreTest, ATopicMayHaveMoreThanTenThousandClaims) {
    constexpr std::size_t kBatches = 12, kBatch = 1'000;
    const auto created = std::make_shared<Inbox<bool>>();
    for (std::size_t batch = 0; batch < kBatches; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            (*claims).create(claim_of({}, "ann", {}, {"big"}),
                             [created](Result<Claim> claim) { created->push(claim.ok()); });
        }
        for (std::size_t i = 0; i < kBatch; ++i) ASSERT_EQ(created->next(), true);
    }
    EXPECT_EQ(store.ids(ClaimTarget::of_topic("big")).size(), kBatches * kBatch);
    EXPECT_EQ(store.change(ClaimTarget::of_topic("big"), "x", TopicChange::add), kBatches * kBatch);
    EXPECT_EQ(store.remove(ClaimTarget::of_topic("big")), kBatches * kBatch);
    EXPECT_EQ(redis({"DBSIZE"}), "0");
}

TEST_F(RedisClaimStoreTest, AClockAheadOfRedisDecides) {
    RedisStore ahead(redis_options(server),
                     {.clock = [] { return std::chrono::system_clock::now() + std::chrono::hours(1); }});
    ASSERT_TRUE(store.create(claim_of("1")));
    EXPECT_EQ(ClaimStoreCaller(*ahead).find("1").error().code, Errc::wrong_state);
    EXPECT_EQ(ClaimStoreCaller(*ahead).ids(ClaimTarget::of_user("ann")), Ids{});
    EXPECT_TRUE(store.redeem("1"));
}

TEST_F(RedisClaimStoreTest, TwoProcessesShareClaims) {
    RedisStore second(redis_options(server));
    ClaimStoreCaller other(*second);
    for (int round = 0; round < 25; ++round) {
        const std::string id = store.create(claim_of("")).value().id;
        ASSERT_EQ(race(8, [&](int i) { return (i % 2 == 0 ? store : other).redeem(id).ok(); }), 1);
    }
}

TEST_F(RedisClaimStoreTest, WithoutRedisItSaysSo) {
    server.stop();
    auto options = redis_options(server);
    options.command_timeout = std::chrono::milliseconds(200);
    RedisStore lost(options);
    ClaimStoreCaller caller(*lost);
    EXPECT_EQ(caller.create(claim_of("1")).error().code, Errc::unavailable);
    EXPECT_EQ(caller.redeem("1").error().code, Errc::unavailable);
    EXPECT_EQ(caller.find("1").error().code, Errc::unavailable);
    const auto listed = ClaimStoreCaller::answer<std::vector<Claim>>(
        [&](auto done) { (*lost).list(ClaimTarget::of_user("ann"), std::move(done)); });
    EXPECT_EQ(listed.error().code, Errc::unavailable);

    server.start();
    EXPECT_TRUE(eventually([&] { return caller.create(claim_of("2")).ok(); }));
    EXPECT_TRUE(caller.redeem("2"));
}

TEST_F(RedisClaimStoreTest, IsUsedFromItsOwnLoop) {
    // An answer comes on the loop, and asks again from there.
    Inbox<std::string> users;
    (*claims).create(claim_of("1"), [&](Result<Claim> stored) {
        (*claims).redeem(stored.value().id, [&](Result<Claim> redeemed) { users.push(redeemed.value().user); });
    });
    EXPECT_EQ(users.next(), "ann");
}

TEST_F(RedisClaimStoreTest, EndedWhileItWaitsItAnswersNoMore) {
    server.pause();
    struct Told {
        std::shared_ptr<Inbox<std::string>> inbox;
        explicit Told(std::shared_ptr<Inbox<std::string>> where) : inbox(std::move(where)) {}
        Told(Told&&) = default;
        ~Told() {
            if (inbox) inbox->push("destroyed");
        }
    };
    const auto inbox = std::make_shared<Inbox<std::string>>();
    (*claims).redeem("1", [told = Told(inbox)](Result<Claim>) { told.inbox->push("answered"); });
    claims.pointer().reset();
    EXPECT_EQ(inbox->next(), "destroyed");
    server.resume();
}

TEST_F(RedisClaimStoreTest, AfterTheLoopHasEndedItAnswersNoMore) {
    claims.end();
    const auto inbox = std::make_shared<Inbox<int>>();
    (*claims).redeem("1", [inbox](Result<Claim>) { inbox->push(1); });
    (*claims).list(ClaimTarget::of_user("ann"), [inbox](Result<std::vector<Claim>>) { inbox->push(1); });
    EXPECT_EQ(inbox.use_count(), 1);
    EXPECT_EQ(inbox->size(), 0u);
}

}  // namespace
}  // namespace cryo::test
