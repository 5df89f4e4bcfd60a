#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "redis_fixture.h"

namespace cryo::test {
namespace {

using redis::Health;
using std::chrono::milliseconds;

/// Its commands are given up soon, so that tests of that need not wait.
redis::Options impatient(const RedisServer& server) {
    auto options = TestClient::options_for(server);
    options.command_timeout = milliseconds(500);
    options.ping_interval = milliseconds(300);
    return options;
}

TEST(RedisFault, WaitsForAServerThatComesLater) {
    RedisServer server;
    server.stop();
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("redis: away: cannot connect to 127.0.0.1:")) << client.log().text();
    const auto answers = client.begin({"SET", "k", "v"});
    server.start();
    EXPECT_EQ(words_of(TestClient::take(answers)), "OK");
    EXPECT_EQ(client.health(), Health::ready);
    EXPECT_TRUE(client.log().has("redis: ready: connected to 127.0.0.1:"));
}

TEST(RedisFault, SaysUnavailableWhenTheServerDoesNotCome) {
    RedisServer server;
    server.stop();
    TestClient client(impatient(server));
    const auto answer = client.ask({"SET", "k", "v"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::unavailable);
    EXPECT_NE(answer.error().message.find("not connected in time"), std::string::npos) << answer.error().message;
    EXPECT_GE(client.stats().failed_connects, 1u);
    EXPECT_EQ(client.stats().unavailable, 1u);
}

TEST(RedisFault, ConnectsAgainAfterARestart) {
    RedisServer server;
    TestClient client(server);
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    for (int i = 0; i < 3; ++i) {
        server.stop();
        ASSERT_TRUE(client.becomes(Health::away));
        server.start();
        ASSERT_TRUE(client.becomes(Health::ready));
        EXPECT_EQ(client.say({"INCR", "k"}), "1") << "the server keeps nothing";
    }
    EXPECT_EQ(client.stats().connects, 4u);
    EXPECT_EQ(client.stats().disconnects, 3u);
}

TEST(RedisFault, TellsHealthToWatchers) {
    RedisServer server;
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::ready));
    const auto seen = std::make_shared<Inbox<Health>>();
    auto watch =
        client.loop().run([&] { return (*client).watch_health([seen](Health health) { seen->push(health); }); });
    server.stop();
    EXPECT_EQ(seen->next(), Health::away);
    server.start();
    EXPECT_EQ(seen->next(), Health::ready);
    client.loop().run([&] { watch.reset(); });
    server.stop();
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_EQ(seen->size(), 0u);
}

TEST(RedisFault, NeverRepeatsWhatMayBeDone) {
    RedisServer server;
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::ready));
    server.pause();  // nobody can tell whether it will read what it is sent
    const auto once = client.begin({"INCR", "n"});
    const auto again = client.begin({"GET", "n"}, {.repeatable = true});
    client.loop().finish_turn();
    server.stop();
    ASSERT_TRUE(client.becomes(Health::away));
    const auto answer = TestClient::take(once);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
    server.start();
    EXPECT_EQ(words_of(TestClient::take(again)), "(nil)");
    EXPECT_EQ(client.say({"GET", "n"}), "(nil)") << "the INCR must not have been sent to the new server";
    EXPECT_EQ(client.stats().repeated, 1u);
    EXPECT_EQ(client.stats().outcome_unknown, 1u);
}

TEST(RedisFault, RepeatsInOrder) {
    RedisServer server;
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::ready));
    server.pause();
    std::vector<TestClient::Words> commands;
    for (int i = 0; i < 100; ++i) commands.push_back({"RPUSH", "order", std::to_string(i)});
    const auto answers = client.begin_all(commands, {.repeatable = true});
    server.stop();
    ASSERT_TRUE(client.becomes(Health::away));
    const auto later = client.begin({"RPUSH", "order", "later"});
    server.start();
    for (int i = 1; i <= 100; ++i) ASSERT_EQ(words_of(TestClient::take(answers)), std::to_string(i));
    EXPECT_EQ(words_of(TestClient::take(later)), "101");
    EXPECT_EQ(client.say({"LINDEX", "order", "57"}), "57");
}

TEST(RedisFault, SendsWhatHadNotLeftYet) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.max_pending_bytes = 256u << 20;
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::ready));
    server.pause();
    // More than the sockets take: the last one cannot have been executed, whatever became of the first.
    const std::string large(64u << 20, 'x');
    const auto first = client.begin({"SET", "first", large});
    const auto last = client.begin({"SET", "last", "small"});
    server.stop();
    server.start();
    EXPECT_EQ(words_of(TestClient::take(last)), "OK");
    EXPECT_EQ(words_of(TestClient::take(first)), "OK");
    EXPECT_EQ(server.command({"GET", "last"}), "small");
    EXPECT_EQ(client.stats().outcome_unknown, 0u);
}

TEST(RedisFault, ConnectsAgainAfterClientKill) {
    RedisServer server;
    TestClient client(server);
    for (int i = 1; i <= 5; ++i) {
        ASSERT_EQ(client.say({"INCR", "n"}), std::to_string(i));
        const auto connects = client.stats().connects;
        ASSERT_EQ(server.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}), "1");
        ASSERT_TRUE(eventually([&] { return client.stats().connects > connects; }));
    }
}

TEST(RedisFault, ComesBackAtOnceHoweverLongItHadToTryBefore) {
    RedisServer server;
    server.stop();
    auto options = TestClient::options_for(server);
    options.retry_min = milliseconds(10);
    options.retry_max = milliseconds(60'000);
    TestClient client(options);
    ASSERT_TRUE(eventually([&] { return client.stats().failed_connects >= 9; }));
    server.start();
    ASSERT_TRUE(client.becomes(Health::ready));
    const auto killed = std::chrono::steady_clock::now();
    ASSERT_EQ(server.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}), "1");
    ASSERT_TRUE(eventually([&] { return client.stats().connects == 2; }));
    EXPECT_LT(std::chrono::steady_clock::now() - killed, milliseconds(2000))
        << "without a new start the pause were 2.6 s at least";
}

TEST(RedisFault, EndsEachCommandOnTheWayAtItsOwnTime) {
    RedisServer server;
    TestClient client(server);
    ASSERT_TRUE(client.becomes(Health::ready));
    server.pause();
    const auto sent = std::chrono::steady_clock::now();
    const auto late = client.begin({"INCR", "n"}, {.timeout = milliseconds(700)});
    const auto soon = client.begin({"INCR", "n"}, {.timeout = milliseconds(100)});
    for (const auto& [answers, timeout] : {std::pair(soon, milliseconds(100)), std::pair(late, milliseconds(700))}) {
        EXPECT_EQ(TestClient::take(answers).error().code, Errc::outcome_unknown);
        const auto took = std::chrono::steady_clock::now() - sent;
        EXPECT_GE(took, timeout);
        EXPECT_LT(took, timeout + milliseconds(2000));
    }
}

TEST(RedisFault, EndsCommandsThatAPausedServerDoesNotAnswer) {
    RedisServer server;
    TestClient client(impatient(server));
    ASSERT_TRUE(client.becomes(Health::ready));
    ASSERT_EQ(server.command({"CLIENT", "PAUSE", "60000", "WRITE"}), "OK");
    const auto answer = client.ask({"INCR", "n"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
    EXPECT_EQ(server.command({"CLIENT", "UNPAUSE"}), "OK");
    ASSERT_TRUE(eventually([&] { return client.say({"PING"}) == "PONG"; }));
}

TEST(RedisFault, KeepsAConnectionThatIsOnlySlow) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.command_timeout = milliseconds(20'000);
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::ready));
    ASSERT_EQ(server.command({"CLIENT", "PAUSE", "2000"}), "OK");
    const auto late = client.begin({"INCR", "n"}, {.timeout = milliseconds(100)});
    EXPECT_EQ(TestClient::take(late).error().code, Errc::outcome_unknown);
    EXPECT_EQ(client.say({"INCR", "n"}), "2") << "the late answer was not taken for this one's";
    EXPECT_EQ(client.stats().disconnects, 0u);
}

TEST(RedisFault, GivesUpAConnectionThatIsSilent) {
    RedisServer server;
    TestClient client(impatient(server));
    ASSERT_TRUE(client.becomes(Health::ready));
    server.pause();
    EXPECT_TRUE(client.becomes(Health::away)) << "an idle connection is asked for a sign of life";
    EXPECT_TRUE(client.log().has("no answer for 500 ms")) << client.log().text();
    server.resume();
    EXPECT_TRUE(client.becomes(Health::ready));
}

TEST(RedisFault, KeepsAnIdleConnectionThatAnswers) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.ping_interval = milliseconds(20);
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::ready));
    ASSERT_TRUE(eventually([&] { return server.calls("ping") > 20; }));
    EXPECT_EQ(client.stats().disconnects, 0u);
}

TEST(RedisFault, RefusesMoreThanMayWait) {
    RedisServer server;
    server.stop();
    auto options = TestClient::options_for(server);
    options.max_pending_commands = 10;
    TestClient client(options);
    const auto answers = client.begin_all(std::vector<TestClient::Words>(15, {"INCR", "n"}));
    for (int i = 0; i < 5; ++i) {
        const auto answer = TestClient::take(answers);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::unavailable);
        EXPECT_NE(answer.error().message.find("too much waits for Redis: 10 commands"), std::string::npos);
    }
    EXPECT_EQ(client.stats().pending, 10u);
    server.start();
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(words_of(TestClient::take(answers)), std::to_string(i));
    EXPECT_EQ(client.stats().pending, 0u);
}

TEST(RedisFault, RefusesMoreBytesThanMayWait) {
    RedisServer server;
    server.stop();
    auto options = TestClient::options_for(server);
    options.max_pending_bytes = 1000;
    TestClient client(options);
    const auto first = client.begin({"SET", "k", std::string(900, 'x')});
    EXPECT_EQ(client.ask({"SET", "k", std::string(900, 'x')}).error().code, Errc::unavailable);
    server.start();
    EXPECT_EQ(words_of(TestClient::take(first)), "OK");
    EXPECT_EQ(client.say({"SET", "k", std::string(900, 'x')}), "OK");
}

TEST(RedisFault, EndsTheConnectionOnAReplyThatIsTooLarge) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.max_reply_bytes = 10'000;
    TestClient client(options);
    EXPECT_EQ(client.say({"SET", "k", std::string(20'000, 'x')}), "OK");
    const auto answer = client.ask({"GET", "k"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
    EXPECT_NE(answer.error().message.find("longer than 10000 bytes"), std::string::npos) << answer.error().message;
    EXPECT_EQ(client.say({"STRLEN", "k"}), "20000");
}

TEST(RedisFault, RefusesAServerThatIsNotOne) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.tls = redis::ClientTls{};  // which it does not speak
    options.connect_timeout = milliseconds(300);
    TestClient client(options);
    ASSERT_TRUE(client.becomes(Health::away));
    ASSERT_TRUE(eventually([&] { return client.stats().failed_connects > 2; })) << client.log().text();
}

}  // namespace
}  // namespace cryo::test
