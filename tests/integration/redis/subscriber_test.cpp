#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_options.h"
#include "test_subscriber.h"

namespace cryo::test {
namespace {

using redis::Health;
using std::chrono::milliseconds;

class RedisSubscriber : public ::testing::Test {
protected:
    RedisServer server_;
    TestSubscriber subscriber_{TestClient::options_for(server_)};
};

TEST_F(RedisSubscriber, HearsWhatIsPublished) {
    ASSERT_TRUE(subscriber_.subscribe("news"));
    const std::string binary("\0\xff\r\n", 4);
    ASSERT_TRUE(subscriber_.subscribe(binary));
    EXPECT_EQ(server_.command({"PUBLISH", "news", "hello"}), "1");
    EXPECT_EQ(server_.command({"PUBLISH", "other", "nobody"}), "0");
    EXPECT_EQ(server_.command({"PUBLISH", binary, binary}), "1");
    EXPECT_EQ(server_.command({"PUBLISH", "news", ""}), "1");
    EXPECT_TRUE(subscriber_.hears({"news=hello", binary + "=" + binary, "news="}));
    EXPECT_EQ(subscriber_.stats().messages, 3u);
    EXPECT_EQ(subscriber_.stats().channels, 2u);
}

TEST_F(RedisSubscriber, KeepsTheOrderOfManyMessages) {
    ASSERT_TRUE(subscriber_.subscribe("a"));
    TestClient client(server_);
    std::vector<TestClient::Words> commands;
    std::vector<std::string> expected;
    for (int i = 0; i < 5000; ++i) {
        commands.push_back({"PUBLISH", "a", std::to_string(i)});
        expected.push_back("a=" + std::to_string(i));
    }
    client.begin_all(commands);
    EXPECT_TRUE(subscriber_.hears(expected));
}

TEST_F(RedisSubscriber, HearsNothingAfterUnsubscribing) {
    ASSERT_TRUE(subscriber_.subscribe("a"));
    ASSERT_TRUE(subscriber_.subscribe("b"));
    subscriber_.unsubscribe("a");
    subscriber_.unsubscribe("never subscribed");
    ASSERT_TRUE(eventually([&] { return server_.command({"PUBLISH", "a", "x"}) == "0"; }));
    EXPECT_EQ(server_.command({"PUBLISH", "b", "y"}), "1");
    EXPECT_TRUE(subscriber_.hears({"b=y"}));
}

TEST_F(RedisSubscriber, SurvivesHastySubscribing) {
    const auto first = subscriber_.loop().run([&] {
        auto outcome = std::make_shared<Inbox<Result<>>>();
        const auto done = [outcome](Result<> result) { outcome->push(std::move(result)); };
        for (int i = 0; i < 10; ++i) {
            (*subscriber_).subscribe("a", done);
            (*subscriber_).unsubscribe("a");
        }
        (*subscriber_).subscribe("a", done);
        (*subscriber_).subscribe("a", done);
        return outcome;
    });
    for (int i = 0; i < 10; ++i) {
        const auto result = first->next();
        ASSERT_TRUE(result);
        ASSERT_FALSE(*result);
        EXPECT_EQ(result->error().code, Errc::wrong_state);
    }
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(first->next().value());
    EXPECT_TRUE(subscriber_.subscribe("a")) << "it is already";
    EXPECT_EQ(server_.command({"PUBLISH", "a", "once"}), "1");
    EXPECT_TRUE(subscriber_.hears({"a=once"}));
    EXPECT_EQ(subscriber_.stats().disconnects, 0u);
}

TEST_F(RedisSubscriber, SubscribesAgainAfterItsConnectionIsKilled) {
    ASSERT_TRUE(subscriber_.subscribe("a"));
    ASSERT_TRUE(subscriber_.subscribe("b"));
    ASSERT_EQ(subscriber_.changes().next(), Health::ready);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        ASSERT_EQ(server_.command({"CLIENT", "KILL", "TYPE", "pubsub"}), "1");
        EXPECT_EQ(subscriber_.changes().next(), Health::away);
        EXPECT_EQ(subscriber_.changes().next(), Health::ready);
        EXPECT_EQ(subscriber_.stats().resubscribed, 2 * i);
        EXPECT_EQ(server_.command({"PUBLISH", "b", std::to_string(i)}), "1");
    }
    EXPECT_TRUE(subscriber_.hears({"b=1", "b=2", "b=3"}));
}

TEST_F(RedisSubscriber, SubscribesAgainAfterARestart) {
    ASSERT_TRUE(subscriber_.subscribe("a"));
    server_.stop();
    ASSERT_TRUE(subscriber_.becomes(Health::away));
    const auto while_away = subscriber_.begin_subscribe("b");
    const auto dropped = subscriber_.begin_subscribe("c");
    subscriber_.unsubscribe("c");
    EXPECT_FALSE(dropped->next().value());
    server_.start();
    EXPECT_TRUE(while_away->next().value());
    ASSERT_TRUE(subscriber_.becomes(Health::ready));
    EXPECT_EQ(server_.command({"PUBLISH", "a", "1"}), "1");
    EXPECT_EQ(server_.command({"PUBLISH", "b", "2"}), "1");
    EXPECT_EQ(server_.command({"PUBLISH", "c", "3"}), "0");
    EXPECT_TRUE(subscriber_.hears({"a=1", "b=2"}));
}

TEST_F(RedisSubscriber, RefusesChannelsThatCannotBe) {
    const auto empty = subscriber_.begin_subscribe("")->next();
    ASSERT_TRUE(empty && !*empty);
    EXPECT_EQ(empty->error().code, Errc::invalid_argument);
    const auto endless = subscriber_.begin_subscribe(std::string(70'000, 'x'))->next();
    ASSERT_TRUE(endless && !*endless);
    EXPECT_EQ(endless->error().code, Errc::invalid_argument);
}

TEST_F(RedisSubscriber, StopEndsWhatWaits) {
    ASSERT_TRUE(subscriber_.becomes(Health::ready));
    server_.pause();
    const auto waiting = subscriber_.begin_subscribe("a");
    subscriber_.stop();
    ASSERT_EQ(waiting->size(), 1u) << "before stop returns";
    EXPECT_EQ(waiting->next()->error().code, Errc::unavailable);
    EXPECT_EQ(subscriber_.begin_subscribe("b")->next()->error().code, Errc::unavailable);
}

TEST_F(RedisSubscriber, HandlersMayDestroyIt) {
    ASSERT_TRUE(subscriber_.subscribe("a"));
    const auto done = std::make_shared<Inbox<bool>>();
    subscriber_.loop().run([&] {
        (*subscriber_).subscribe("b", [this, done](Result<>) {
            subscriber_.destroy_here();
            done->push(true);
        });
    });
    EXPECT_TRUE(done->next());
    EXPECT_TRUE(eventually([&] { return server_.command({"PUBLISH", "a", "x"}) == "0"; }));
}

TEST(RedisSubscriberLimits, RefusesMoreChannelsThanMayBe) {
    RedisServer server;
    TestSubscriber subscriber(TestClient::options_for(server), {.max_channels = 2});
    EXPECT_TRUE(subscriber.subscribe("a"));
    EXPECT_TRUE(subscriber.subscribe("b"));
    const auto third = subscriber.begin_subscribe("c")->next();
    ASSERT_TRUE(third && !*third);
    EXPECT_EQ(third->error().code, Errc::unavailable);
    subscriber.unsubscribe("a");
    EXPECT_TRUE(subscriber.subscribe("c"));
}

TEST(RedisSubscriberLimits, PassesOnThatRedisDoesNotAllowAChannel) {
    RedisServer server;
    ASSERT_EQ(server.command({"ACL", "SETUSER", "app", "on", ">pw", "+subscribe", "+unsubscribe", "+ping", "&app:*"}),
              "OK");
    auto options = TestClient::options_for(server);
    options.credentials = {.username = "app", .password = "pw"};
    TestSubscriber subscriber(options);
    EXPECT_TRUE(subscriber.subscribe("app:1"));
    const auto other = subscriber.begin_subscribe("other")->next();
    ASSERT_TRUE(other && !*other);
    EXPECT_EQ(other->error().code, Errc::refused);
    EXPECT_EQ(subscriber.stats().channels, 1u);
    EXPECT_EQ(server.command({"PUBLISH", "app:1", "x"}), "1");
    EXPECT_TRUE(subscriber.hears({"app:1=x"}));
}

TEST(RedisSubscriberLimits, NoticesASilentServer) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.ping_interval = milliseconds(200);
    options.command_timeout = milliseconds(500);
    TestSubscriber subscriber(options);
    ASSERT_TRUE(subscriber.subscribe("a"));
    server.pause();
    ASSERT_TRUE(subscriber.becomes(Health::away));
    server.resume();
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    EXPECT_TRUE(eventually([&] { return server.command({"PUBLISH", "a", "x"}) == "1"; }));
}

TEST(RedisSubscriberLimits, KeepsAnIdleConnectionThatAnswers) {
    RedisServer server;
    auto options = TestClient::options_for(server);
    options.ping_interval = milliseconds(20);
    TestSubscriber subscriber(options);
    EXPECT_TRUE(eventually([&] { return server.calls("ping") > 10; })) << "without channels";
    ASSERT_TRUE(subscriber.subscribe("a"));
    const int before = server.calls("ping");
    EXPECT_TRUE(eventually([&] { return server.calls("ping") > before + 10; }));
    EXPECT_EQ(subscriber.stats().disconnects, 0u);
}

TEST(RedisSubscriberSentinel, FollowsTheMaster) {
    RedisReplicaSet set;
    TestSubscriber subscriber(options_for(set));
    ASSERT_TRUE(subscriber.subscribe("a"));
    ASSERT_TRUE(set.fail_over());
    ASSERT_TRUE(eventually([&] {
        return set.second().command({"PUBSUB", "NUMSUB", "a"}) == "a\n1";
    })) << subscriber.log().text();
    ASSERT_TRUE(subscriber.becomes(Health::ready));
    EXPECT_EQ(set.second().command({"PUBLISH", "a", "x"}), "1");
    EXPECT_TRUE(subscriber.hears({"a=x"}));
}

}  // namespace
}  // namespace cryo::test
