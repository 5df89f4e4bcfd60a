// TLS towards every kind of Redis: single servers, Sentinels, clusters; for commands and for channels.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_options.h"
#include "test_subscriber.h"

namespace cryo::test {
namespace {

using redis::Health;

class RedisTls : public ::testing::Test {
protected:
    RedisServer::Arguments arguments(bool ask_clients = false) const {
        return RedisServer::tls_arguments(certificate_, authority_, ask_clients);
    }
    redis::Options secured(redis::Options options) const {
        options.tls = redis::ClientTls{.ca_file = authority_.certificate_file()};
        return options;
    }
    redis::Options options(const RedisServer& server) const { return secured(TestClient::options_for(server)); }

    const TlsCertificate authority_{"authority"}, stranger_{"stranger"};
    const TlsCertificate certificate_{"localhost", TlsCertificate::KeyType::ec, &authority_};
};

TEST_F(RedisTls, Connects) {
    RedisServer server(arguments());
    TestClient client(options(server));
    EXPECT_EQ(client.say({"SET", "k", "v"}), "OK");
    EXPECT_EQ(server.command({"GET", "k"}), "v");
    const std::string large(5u << 20, 'x');
    EXPECT_EQ(client.say({"SET", "large", large}), "OK");
    EXPECT_TRUE(client.say({"GET", "large"}) == large);
}

TEST_F(RedisTls, PipelinesAndConnectsAgain) {
    RedisServer server(arguments());
    auto with_name = options(server);
    with_name.address.host = "localhost";
    TestClient client(with_name);
    for (int round = 0; round < 3; ++round) {
        const auto answers = client.begin_all(std::vector<TestClient::Words>(1000, {"ECHO", std::string(300, 'x')}));
        for (int i = 0; i < 1000; ++i) ASSERT_EQ(words_of(TestClient::take(answers)), std::string(300, 'x'));
        const auto connects = client.stats().connects;
        server.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        ASSERT_TRUE(eventually([&] { return client.stats().connects > connects; }));
    }
}

TEST_F(RedisTls, RefusesAnUnknownAuthority) {
    RedisServer server(arguments());
    auto distrustful = options(server);
    distrustful.tls->ca_file = stranger_.certificate_file();
    TestClient client(distrustful);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("certificate")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

TEST_F(RedisTls, RefusesAnotherName) {
    RedisServer server(arguments());
    auto named = options(server);
    named.tls->server_name = "redis.example";
    TestClient client(named);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("hostname mismatch")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

TEST_F(RedisTls, PresentsItsCertificate) {
    RedisServer server(arguments(true));
    const TlsCertificate own("client", TlsCertificate::KeyType::ec, &authority_);
    auto with_own = options(server);
    with_own.tls->certificate_file = own.certificate_file();
    with_own.tls->key_file = own.key_file();
    TestClient client(with_own);
    EXPECT_EQ(client.say({"PING"}), "PONG");
    TestClient without(options(server));
    EXPECT_TRUE(without.becomes(Health::away));
    EXPECT_EQ(without.stats().connects, 0u);
}

TEST_F(RedisTls, NamesFilesThatCannotBeUsed) {
    RedisServer server(arguments());
    TestLoop loop;
    const auto message_of = [&](const redis::ClientTls& tls) {
        auto with_tls = options(server);
        with_tls.tls = tls;
        const auto made = loop.run([&] { return redis::Client::create(loop.get(), with_tls); });
        EXPECT_FALSE(made);
        if (made) return std::string();
        EXPECT_EQ(made.error().code, Errc::tls_configuration);
        return made.error().message;
    };
    const std::string missing = server.directory() / "missing.pem";
    EXPECT_EQ(message_of({.ca_file = missing}),
              "cannot read the TLS CA file " + missing + ": No such file or directory");
    EXPECT_NE(message_of({.ca_file = server.directory() / "redis.conf"}).find("redis.conf"), std::string::npos);
    EXPECT_NE(message_of({.certificate_file = certificate_.certificate_file(), .key_file = authority_.key_file()})
                  .find("belongs to"),
              std::string::npos);
}

TEST_F(RedisTls, TellsSubscribersAndSubscribesAgain) {
    RedisServer server(arguments());
    TestSubscriber subscriber(options(server));
    ASSERT_TRUE(subscriber.subscribe("a"));
    const std::string large(1u << 20, 'x');
    EXPECT_EQ(server.command({"PUBLISH", "a", "before"}), "1");
    EXPECT_EQ(server.command({"PUBLISH", "a", large}), "1");
    EXPECT_TRUE(subscriber.hears({"a=before", "a=" + large}));
    EXPECT_EQ(server.command({"CLIENT", "KILL", "TYPE", "pubsub"}), "1");
    ASSERT_TRUE(eventually([&] { return server.command({"PUBLISH", "a", "after"}) == "1"; }));
    EXPECT_TRUE(subscriber.hears({"a=before", "a=" + large, "a=after"}));
}

TEST_F(RedisTls, RefusesToSubscribeWithAnUnknownAuthority) {
    RedisServer server(arguments());
    auto distrustful = options(server);
    distrustful.tls->ca_file = stranger_.certificate_file();
    TestSubscriber subscriber(distrustful);
    ASSERT_TRUE(subscriber.becomes(Health::away));
    EXPECT_TRUE(subscriber.log().has("certificate")) << subscriber.log().text();
    EXPECT_EQ(subscriber.stats().connects, 0u);
}

// Sentinels and the servers that they watch all speak TLS, to each other as well.

TEST_F(RedisTls, FindsTheMasterThroughSentinelsAndFollowsIt) {
    RedisReplicaSet set(1, arguments(), arguments());
    TestClient client(secured(options_for(set)));
    TestSubscriber subscriber(secured(options_for(set)));
    ASSERT_TRUE(subscriber.subscribe("a")) << subscriber.log().text();
    EXPECT_EQ(client.say({"PUBLISH", "a", "before"}), "1") << client.log().text();
    ASSERT_TRUE(set.fail_over());
    ASSERT_TRUE(eventually([&] {
        return set.second().command({"PUBSUB", "NUMSUB", "a"}) == "a\n1";
    })) << subscriber.log().text();
    ASSERT_TRUE(eventually([&] {
        return client.log().has("connected to 127.0.0.1:" + std::to_string(set.second().tls_port()));
    })) << client.log().text();
    EXPECT_EQ(client.say({"PUBLISH", "a", "after"}), "1");
    EXPECT_TRUE(subscriber.hears({"a=before", "a=after"}));
}

TEST_F(RedisTls, RefusesASentinelOfAnUnknownAuthority) {
    const TlsCertificate impostor("localhost", TlsCertificate::KeyType::ec, &stranger_);
    RedisServer server(arguments());
    const auto sentinel = RedisServer::sentinel(RedisReplicaSet::kName, server.tls_port(), 1,
                                                RedisServer::tls_arguments(impostor, stranger_));
    auto deceived = options(server);
    deceived.sentinel = redis::SentinelOptions{.addresses = {{.host = "127.0.0.1", .port = sentinel->tls_port()}},
                                               .master_name = RedisReplicaSet::kName};
    TestClient client(deceived);
    ASSERT_TRUE(client.becomes(Health::away));
    EXPECT_TRUE(client.log().has("certificate")) << client.log().text();
    EXPECT_EQ(client.stats().connects, 0u);
}

// The nodes of a cluster tell TLS clients of each other's TLS ports.

TEST_F(RedisTls, UsesAllNodesOfACluster) {
    RedisCluster cluster(3, true, arguments());
    TestClient client(secured(options_for(cluster)));
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(client.say({"SET", "k" + std::to_string(i), "v"}), "OK") << client.log().text();
    }
    for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(std::stoi(cluster.node(i).command({"DBSIZE"})), 10);
    EXPECT_EQ(client.stats().connects, 3u);
    ASSERT_TRUE(RedisCluster::fail_over(cluster.node(3)));
    EXPECT_EQ(client.say({"SET", "hello", "v"}), "OK") << "its slot is with the node that was a replica";
    EXPECT_EQ(cluster.node(3).command({"GET", "hello"}), "v");
}

TEST_F(RedisTls, TellsSubscribersOnAllNodesOfACluster) {
    RedisCluster cluster(3, false, arguments());
    TestClient client(secured(options_for(cluster)));
    TestSubscriber sharded(secured(options_for(cluster)), {.sharded = true}), plain(secured(options_for(cluster)));
    ASSERT_TRUE(plain.subscribe("a"));
    EXPECT_EQ(cluster.node(1).command({"PUBLISH", "a", "x"}), "0") << "the subscriber is at another node";
    EXPECT_TRUE(plain.hears({"a=x"}));
    for (int i = 0; i < 30; ++i) {
        const auto channel = "channel:" + std::to_string(i);
        ASSERT_TRUE(sharded.subscribe(channel)) << sharded.log().text();
        EXPECT_EQ(client.say({"SPUBLISH", channel, "x"}), "1");
    }
    EXPECT_TRUE(eventually([&] { return sharded.heard().size() == 30; }));
    EXPECT_EQ(sharded.stats().connects, 3u);
}

}  // namespace
}  // namespace cryo::test
