#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "deployment.h"
#include "dsock_peer.h"
#include "wire.h"

namespace cryo::test {
namespace {

using broker::wire::Message;

constexpr std::chrono::milliseconds kShort{200};

std::vector<std::string> sorted_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    std::ranges::sort(lines);
    return lines;
}

/// An API and a worker with a Redis of their own, in which registrations end soon.
class BrokerRedis : public ::testing::Test {
protected:
    explicit BrokerRedis(std::chrono::milliseconds ttl = std::chrono::seconds{60})
        : deployment_(Deployment::Kind::redis, [ttl](broker::BrokerOptions& options) {
              options.ttl = ttl;
              options.confirm_timeout = std::chrono::milliseconds{500};
              options.redis->retry_max = std::chrono::milliseconds{200};
              options.redis->command_timeout = std::chrono::milliseconds{1'000};
          }) {}

    RedisServer& redis() { return deployment_.redis(); }
    std::string id_of(const std::string& user) {
        return deployment_.info("user=" + user)["connections"][0]["id"].get<std::string>();
    }
    std::string worker() { return deployment_.worker().broker().worker_id(); }
    bool exists(const std::string& key) { return redis().command({"EXISTS", key}) == "1"; }
    std::string code_of(std::string_view method, const std::string& target) {
        const auto answer = deployment_.ask(method, target);
        EXPECT_EQ(answer.status, 500) << target;
        return Json::parse(answer.body, nullptr, false).value("errorCode", "(none)");
    }

    Deployment deployment_;
};

class BrokerRedisShortLived : public BrokerRedis {
protected:
    BrokerRedisShortLived() : BrokerRedis(kShort) {}
};

TEST_F(BrokerRedis, HasDsocksKeys) {
    auto client = deployment_.join("user=ada&session=s&channels=c");
    const auto id = id_of("ada");
    const auto hash = deployment_.redis().command({"HMGET", "conn:" + id, "user", "workerId", "session", "channels"});
    EXPECT_EQ(hash, "ada\n" + worker() + "\ns\nc,global");
    for (const auto* set : {"user:ada", "user-session:ada-s", "channel:c", "channel:global"}) {
        EXPECT_EQ(redis().command({"SMEMBERS", set}), id) << set;
    }
    for (const auto& key : {"conn:" + id, "worker:" + worker()}) {
        const auto life = std::stoll(redis().command({"PTTL", key}));
        EXPECT_GT(life, 60'000) << key;
        EXPECT_LE(life, 120'000) << key;
        EXPECT_TRUE(redis().command({"HGET", key, "lastPing"}).ends_with("Z")) << key;
    }
    deployment_.post("/channel/subscribe/new?user=ada");
    EXPECT_EQ(redis().command({"HGET", "conn:" + id, "channels"}), "c,global,new");
    EXPECT_EQ(redis().command({"SMEMBERS", "channel:new"}), id);
}

TEST_F(BrokerRedis, LeavesNothingBehind) {
    auto client = deployment_.join("user=ada&session=s&channels=c");
    deployment_.post("/channel/subscribe/new?user=ada");
    deployment_.worker().stop();
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_EQ(redis().command({"KEYS", "*"}), "");
}

/// Redis refuses to make a set of what is something else.
TEST_F(BrokerRedis, AChangeThatCannotBeWrittenIsNoSuccess) {
    auto client = deployment_.join("user=ada");
    redis().command({"SET", "channel:taken", "x"});
    EXPECT_EQ(code_of("POST", "/channel/subscribe/taken?user=ada"), "ERROR_DELIVERING_MESSAGING");
}

TEST_F(BrokerRedis, AClaimIsKeptWhenItsConnectionCannotBeRegistered) {
    const auto claim = deployment_.claim("user=eve");
    redis().command({"SET", "user:eve", "x"});
    const auto refused = deployment_.connect("claim=" + claim);
    EXPECT_EQ(refused.answer().status, 500);
    EXPECT_EQ(refused.refusal()["errorCode"], "ERROR_GETTING_CLAIM");
    redis().command({"DEL", "user:eve"});
    EXPECT_TRUE(deployment_.connect("claim=" + claim).connected());
}

/// An API that cannot hear confirmations does not guess.
TEST_F(BrokerRedis, ChangesAreInEffectAlsoWhenTheApiLostItsSubscription) {
    auto client = deployment_.join("user=ada");
    const auto id = id_of("ada");
    for (int i = 0; i < 5; ++i) {
        for (const auto& line : sorted_lines(redis().command({"CLIENT", "LIST", "TYPE", "pubsub"}))) {
            if (line.find(" sub=1 ") == line.npos) continue;  // a worker has two
            redis().command({"CLIENT", "KILL", "ID", line.substr(3, line.find(' ') - 3)});
        }
        const auto channel = "c" + std::to_string(i);
        EXPECT_EQ(deployment_.post("/channel/subscribe/" + channel + "?user=ada"), kSuccess);
        EXPECT_TRUE(redis().command({"HGET", "conn:" + id, "channels"}).ends_with("," + channel));
    }
}

/// The server goes on without it.
TEST_F(BrokerRedis, IsTakenOutWhileClientsAreConnected) {
    auto client = deployment_.join("user=ada&session=s&channels=c");
    auto other = deployment_.join("user=bob");
    auto& server = deployment_.worker().server();
    ASSERT_TRUE(server.unregister_extension("broker"));
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_EQ(other.next_close(), 1000);
    EXPECT_TRUE(eventually([&] { return redis().command({"KEYS", "*"}).empty(); }));
    EXPECT_FALSE(deployment_.connect("claim=" + deployment_.claim("user=late")).connected());

    ASSERT_TRUE(deployment_.api().server().unregister_extension("broker"));
    EXPECT_EQ(deployment_.ask("POST", "/send?type=text&user=ada", "x").status, 503);
}

TEST_F(BrokerRedis, TakesOutStaleIds) {
    auto client = deployment_.join("user=ada&channels=c");
    const auto id = id_of("ada");
    for (const auto* set : {"user:ada", "channel:c"}) redis().command({"SADD", set, "stale-1", "stale-2"});
    EXPECT_EQ(deployment_.info("user=ada")["connections"].size(), 1u);
    deployment_.post("/send?type=text&channel=c", "x");
    EXPECT_EQ(client.text(), "x");
    for (const auto* set : {"user:ada", "channel:c"}) {
        EXPECT_TRUE(eventually([&] { return redis().command({"SMEMBERS", set}) == id; })) << set;
    }
}

TEST_F(BrokerRedisShortLived, ReturnsAfterEverythingIsLost) {
    auto client = deployment_.join("user=ada&session=s&channels=c");
    const auto before = sorted_lines(redis().command({"KEYS", "*"}));
    redis().command({"FLUSHALL"});
    EXPECT_TRUE(eventually([&] { return sorted_lines(redis().command({"KEYS", "*"})) == before; }));
    deployment_.post("/send?type=text&user=ada", "still here");
    EXPECT_EQ(client.text(), "still here");
}

TEST_F(BrokerRedisShortLived, RegistrationsAreRenewed) {
    auto client = deployment_.join("user=ada");
    const auto id = id_of("ada");
    const auto until = std::chrono::steady_clock::now() + 5 * kShort;
    while (std::chrono::steady_clock::now() < until) {
        redis().command({"PING"});
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    EXPECT_TRUE(eventually([&] { return exists("conn:" + id) && exists("worker:" + worker()); }));
}

TEST_F(BrokerRedis, SaysWhatFailsWithoutRedis) {
    redis().stop();
    EXPECT_EQ(code_of("POST", "/send?type=text&user=u"), "ERROR_GETTING_USER");
    EXPECT_EQ(code_of("POST", "/send?type=text&channel=c"), "ERROR_GETTING_CHANNEL");
    EXPECT_EQ(code_of("POST", "/send?type=nonsense&user=u"), "ERROR_GETTING_USER") << "before what is wrong with it";
    EXPECT_EQ(code_of("POST", "/disconnect?user=u"), "ERROR_GETTING_USER");
    EXPECT_EQ(code_of("GET", "/info?channel=c"), "ERROR_GETTING_CHANNEL");
    EXPECT_EQ(code_of("POST", "/channel/subscribe/c?user=u"), "ERROR_GETTING_USER");
    EXPECT_EQ(code_of("POST", "/claim?user=u&id=i"), "ERROR_CHECKING_CLAIM");
    EXPECT_EQ(code_of("POST", "/claim?user=u"), "ERROR_GETTING_CLAIM") << "there is no claim then";
    const auto by_id = Json::parse(deployment_.ask("POST", "/send?type=text&id=i").body);
    EXPECT_EQ(by_id, Json::parse(R"({"success":false,"errorCode":"ERROR_GETTING_CONNECTION",)"
                                 R"("error":"Error getting connection"})"));
    EXPECT_TRUE(Json::parse(deployment_.ask("GET", "/info?id=i").body).contains("requestId"));
    const auto client = deployment_.connect("claim=x");
    EXPECT_EQ(client.answer().status, 500);
    EXPECT_EQ(client.refusal()["errorCode"], "ERROR_GETTING_CLAIM");
}

TEST_F(BrokerRedis, ServesItsClientsWhileRedisIsAway) {
    auto before = deployment_.join("user=before");
    redis().stop();
    ASSERT_TRUE(eventually([&] { return !deployment_.worker().broker().stats().redis_ready; }));
    auto during = deployment_.connect("jwt=" + Deployment::token(R"({"sub":"during","exp":9999999999})"));
    EXPECT_TRUE(during.connected());
    redis().start();
    for (const auto* user : {"before", "during"}) {
        EXPECT_TRUE(eventually([&] {
            const auto info = deployment_.info(std::string("user=") + user);
            return info.contains("connections") && info["connections"].size() == 1;
        })) << user;
    }
    ASSERT_TRUE(eventually([&] {
        return deployment_.post("/send?type=text&report=true&user=before", "back").value("connections", 0) == 1;
    }));
    EXPECT_EQ(before.text(), "back");
    deployment_.post("/send?type=text&user=during", "back");
    EXPECT_EQ(during.text(), "back");
}

TEST_F(BrokerRedis, HearsAgainAfterItsConnectionsWereCut) {
    auto client = deployment_.join("user=ada");
    for (const auto* kind : {"pubsub", "normal"}) redis().command({"CLIENT", "KILL", "TYPE", kind});
    ASSERT_TRUE(eventually([&] {
        return deployment_.post("/send?type=text&report=true&user=ada", "again").value("connections", 0) == 1;
    }));
    EXPECT_EQ(client.text(), "again");
}

TEST_F(BrokerRedis, ForgetsWhoLeftWhileRedisWasAway) {
    auto client = deployment_.join("user=ada");
    const auto id = id_of("ada");
    redis().pause();
    client.send_close();
    EXPECT_EQ(client.next_close(), 1000);
    std::this_thread::sleep_for(std::chrono::milliseconds{1'500});  // longer than a command may take
    redis().resume();
    EXPECT_TRUE(eventually([&] { return !exists("conn:" + id) && !exists("user:ada"); }));
}

// -- among processes of dSock ----------------------------------------------------------------------------------------

TEST_F(BrokerRedis, TakesMessagesOfDsocksApi) {
    auto client = deployment_.join("user=ada");
    redis().command({"PUBLISH", worker(), encode(Message{Message::Type::text, "from dSock", {.user = "ada"}, {}})});
    EXPECT_EQ(client.text(), "from dSock");
    const broker::wire::ChannelAction action{broker::wire::ChannelAction::Type::subscribe, "c", {.user = "ada"}, {}};
    redis().command({"PUBLISH", worker() + ":channel", encode(action)});
    EXPECT_TRUE(eventually([&] { return exists("channel:c"); }));
    redis().command({"PUBLISH", worker(), encode(Message{Message::Type::disconnect, "", {.channel = "c"}, {}})});
    EXPECT_EQ(client.next_close(), 1000);
}

TEST_F(BrokerRedis, OutlivesHostilePayloads) {
    auto client = deployment_.join("user=ada");
    const std::string unknown_type(
        "\x08\x09\x1a\x05\x12\x03"
        "ada",
        9);
    for (const auto& payload : {std::string(), std::string("\xff\xff"), std::string("\x08\x01"), unknown_type}) {
        redis().command({"PUBLISH", worker(), payload});
        redis().command({"PUBLISH", worker() + ":channel", payload});
    }
    redis().command({"PUBLISH", worker(), encode(Message{Message::Type::text, "\xff", {.user = "ada"}, {}})});
    deployment_.post("/send?type=text&user=ada", "alive");
    EXPECT_EQ(client.text(), "alive");
    EXPECT_EQ(deployment_.worker().broker().stats().refused_parcels, 9u);
}

TEST_F(BrokerRedis, SendsToDsocksWorkers) {
    DsockWorker dsock(redis(), "dsock-worker");
    dsock.register_connection(redis(), "dsock-connection", "bob");
    const auto report = deployment_.post("/send?type=binary&report=true&user=bob", "bytes");
    EXPECT_EQ(report, Json::parse(R"({"success":true,"connections":0,"complete":false})"));
    const auto payload = dsock.next();
    ASSERT_TRUE(payload.has_value());
    const auto message = broker::wire::decode_message(*payload);
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(message.value().body, "bytes");
    EXPECT_EQ(message.value().target, broker::Target{.user = "bob"});

    EXPECT_EQ(deployment_.post("/channel/subscribe/c?user=bob"), kSuccess);
    EXPECT_EQ(broker::wire::decode_channel_action(dsock.next().value_or("")).value().channel, "c");
    const auto connection = deployment_.info("user=bob")["connections"][0];
    EXPECT_EQ(connection["lastPing"], 1'767'222'000);
    EXPECT_EQ(connection["channels"], Json::array());
}

TEST_F(BrokerRedis, WaitsNoLongerThanItSays) {
    DsockWorker silent(redis(), "silent", {"confirms", "1"});
    silent.register_connection(redis(), "a-connection", "bob");
    EXPECT_EQ(deployment_.post("/send?type=text&report=true&user=bob", "x"),
              Json::parse(R"({"success":true,"connections":0,"complete":false})"));
    const auto change = deployment_.ask("POST", "/disconnect?user=bob");
    EXPECT_EQ(change.status, 500) << "nobody knows whether it has taken effect";
    EXPECT_EQ(Json::parse(change.body)["errorCode"], "ERROR_DELIVERING_MESSAGING");
}

/// A worker that nobody listens for may be cut off only: the change waits for it.
TEST_F(BrokerRedis, LeavesChangesToWorkersThatDoNotListen) {
    redis().command({"HSET", "worker:deaf", "confirms", "1"});
    redis().command({"HSET", "conn:c", "user", "bob", "workerId", "deaf"});
    redis().command({"SADD", "user:bob", "c"});
    EXPECT_EQ(deployment_.post("/disconnect?user=bob"), kSuccess);
    EXPECT_EQ(deployment_.post("/send?type=text&user=bob", "x"), kSuccess);
    EXPECT_EQ(redis().command({"LLEN", "missed:deaf"}), "1") << "the change, not the message";
    EXPECT_GT(std::stoll(redis().command({"PTTL", "missed:deaf"})), 60'000);
}

TEST_F(BrokerRedis, MakesTheChangesItMissed) {
    auto client = deployment_.join("user=ada");
    const auto key = "missed:" + worker();
    redis().command({"RPUSH", key, "m" + encode(Message{Message::Type::disconnect, "", {.user = "ada"}, {}})});
    redis().command({"CLIENT", "KILL", "TYPE", "pubsub"});
    EXPECT_EQ(client.next_close(), 1000);
    EXPECT_FALSE(exists(key));
}

TEST_F(BrokerRedis, ServesLargeChannels) {
    constexpr int kMembers = 15'000;  // more than a client may have commands under way
    auto client = deployment_.join("user=ada&channels=c");
    const std::string script =
        "for i = 1, tonumber(ARGV[1]) do redis.call('HSET', 'conn:x' .. i, 'user', 'u', 'workerId', 'elsewhere') "
        "redis.call('SADD', 'channel:c', 'x' .. i) end";
    redis().command({"EVAL", script, "0", std::to_string(kMembers)});
    EXPECT_EQ(deployment_.post("/send?type=text&channel=c", "to all"), kSuccess);
    EXPECT_EQ(client.text(), "to all");
    EXPECT_EQ(deployment_.info("channel=c")["connections"].size(), kMembers + 1u);
}

TEST_F(BrokerRedis, DoesNotWaitForWorkersThatAreGone) {
    redis().command({"HSET", "worker:dead", "confirms", "1"});
    redis().command({"HSET", "conn:ghost", "user", "bob", "workerId", "dead"});
    redis().command({"SADD", "user:bob", "ghost"});
    EXPECT_EQ(deployment_.post("/send?type=text&user=bob", "x"), kSuccess);
    EXPECT_EQ(deployment_.post("/disconnect?user=bob"), kSuccess);
}

}  // namespace
}  // namespace cryo::test
