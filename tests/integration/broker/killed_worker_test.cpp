// A worker that is killed takes nothing off the books: Redis forgets it, and whoever meets what is left passes over it.

#include <chrono>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "deployment.h"
#include "program_fixture.h"

namespace cryo::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kTtl = 2s;
constexpr auto kForgottenWithin = 2 * kTtl + 10s;  // twice the time to live, and what a busy machine adds

/// An API and workers, each in a process of its own.
class KilledWorker : public BrokerProgram, public ::testing::WithParamInterface<const char*> {
protected:
    KilledWorker() {
        const Json config{{"token", "t"},
                          {"host", "127.0.0.1"},
                          {"port", 0},
                          {"redis_host", "127.0.0.1:" + std::to_string(redis_.port())},
                          {"ttl_duration", std::to_string(kTtl.count()) + "s"},
                          {"messaging_method", GetParam()},
                          {"direct_message_hostname", "127.0.0.1"},
                          {"direct_message_secret", "between us"}};
        write("config.json", config.dump());
        api_ = run({"--role", "api"});
    }

    std::unique_ptr<Program> worker(const std::string& port = "0") { return run({"--role", "worker", "--port", port}); }

    Json call(std::string_view method, const std::string& target, std::string_view body = {}) {
        const auto answer = Deployment::ask_at(api_->port(), method, target, body, "Authorization: Bearer t\r\n");
        return Json::parse(answer.body, nullptr, false);
    }
    Json connections(const std::string& target) { return call("GET", "/info?" + target)["connections"]; }
    Json send(const std::string& target, std::string_view text) {
        return call("POST", "/send?type=text&report=true&" + target, text);
    }
    std::unique_ptr<BrokerClient> join(Program& worker, const std::string& query) {
        const auto claim = call("POST", "/claim?" + query)["claim"]["id"].get<std::string>();
        return std::make_unique<BrokerClient>(worker.port(), "claim=" + claim);
    }

    bool exists(const std::string& key) { return redis_.command({"EXISTS", key}) == "1"; }
    std::set<std::string> keys() {
        std::istringstream lines(redis_.command({"KEYS", "*"}));
        std::set<std::string> all;
        for (std::string key; std::getline(lines, key);) all.insert(key);
        return all;
    }

    RedisServer redis_;
    std::unique_ptr<Program> api_;
};

TEST_P(KilledWorker, IsForgottenWithItsConnections) {
    const auto doomed = worker(), survivor = worker();
    const auto ada = join(*doomed, "user=ada&session=s&channels=news,own");
    const auto bob = join(*doomed, "user=bob&channels=news");
    const auto eve = join(*survivor, "user=eve&session=s&channels=news");
    ASSERT_TRUE(ada->connected() && bob->connected() && eve->connected());
    const auto id_of = [this](const char* user) {
        return connections(std::string("user=") + user)[0]["id"].get<std::string>();
    };
    const auto ada_id = id_of("ada"), bob_id = id_of("bob"), eve_id = id_of("eve");
    const auto dead = connections("user=ada")[0]["worker"].get<std::string>();
    const auto alive = connections("user=eve")[0]["worker"].get<std::string>();

    doomed->signal(SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    for (const auto& key : {"worker:" + dead, "conn:" + ada_id, "conn:" + bob_id, std::string("user-session:ada-s")}) {
        EXPECT_TRUE(eventually([&] { return !exists(key); })) << key;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - killed, kForgottenWithin);

    EXPECT_EQ(connections("id=" + ada_id), Json::array());
    EXPECT_EQ(connections("user=ada"), Json::array());
    EXPECT_EQ(connections("user=bob&session=s"), Json::array());
    ASSERT_EQ(connections("channel=news").size(), 1u);
    EXPECT_EQ(connections("channel=news")[0]["id"], eve_id);

    const auto nobody = Json::parse(R"({"success":true,"connections":0,"complete":true})");
    EXPECT_EQ(send("user=ada", "x"), nobody);
    EXPECT_EQ(send("id=" + bob_id, "x"), nobody);
    EXPECT_EQ(send("channel=own", "x"), nobody);
    EXPECT_EQ(send("channel=news", "for eve"), Json::parse(R"({"success":true,"connections":1,"complete":true})"));
    EXPECT_EQ(eve->text(), "for eve");
    EXPECT_EQ(call("POST", "/channel/subscribe/news?user=ada"), kSuccess);
    EXPECT_EQ(call("POST", "/disconnect?user=bob"), kSuccess);

    const std::set<std::string> left{"worker:" + alive, "conn:" + eve_id, "user:eve", "user-session:eve-s",
                                     "channel:news"};
    EXPECT_TRUE(eventually([&] { return keys() == left; })) << redis_.command({"KEYS", "*"});
    EXPECT_EQ(redis_.command({"SMEMBERS", "channel:news"}), eve_id);
}

TEST_P(KilledWorker, StartedAnewServesItsClientsAgain) {
    auto doomed = worker();
    const auto port = std::to_string(doomed->port());
    const auto before = join(*doomed, "user=ada&channels=news");
    const auto old = connections("user=ada");
    send("user=ada", "the API knows where she is");
    EXPECT_EQ(before->text(), "the API knows where she is");

    doomed->signal(SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    EXPECT_EQ(doomed->exit_code(), -1);
    EXPECT_TRUE(before->at_end());
    const auto anew = worker(port);
    ASSERT_EQ(std::to_string(anew->port()), port) << anew->output();
    const auto after = join(*anew, "user=ada&channels=news");
    ASSERT_TRUE(after->connected());

    // Whether the old one is still listed or not, messages reach the new one.
    for (const auto* target : {"user=ada", "channel=news"}) {
        send(target, "welcome back");
        EXPECT_EQ(after->text(), "welcome back") << target;
    }
    EXPECT_TRUE(eventually([&] { return connections("user=ada").size() == 1; }));
    EXPECT_LT(std::chrono::steady_clock::now() - killed, kForgottenWithin);
    const auto now = connections("user=ada");
    EXPECT_NE(now[0]["id"], old[0]["id"]);
    EXPECT_NE(now[0]["worker"], old[0]["worker"]);
    EXPECT_EQ(connections("channel=news"), now);
    EXPECT_EQ(send("user=ada", "only one"), Json::parse(R"({"success":true,"connections":1,"complete":true})"));
    EXPECT_EQ(after->text(), "only one");
}

INSTANTIATE_TEST_SUITE_P(Broker, KilledWorker, ::testing::Values("redis", "direct"),
                         [](const auto& which) { return std::string(which.param); });

}  // namespace
}  // namespace cryo::test
