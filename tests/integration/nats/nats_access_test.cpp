// Who may connect, how, and to which server.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/cluster/pub_sub_client.h"
#include "integration/nats/nats_fixture.h"
#include "support/log_lines.h"
#include "support/nats_server.h"
#include "support/tls_certificate.h"

namespace cryo::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class NatsAccess : public ::testing::Test {
protected:
    nats::Options options(const NatsServer& server) {
        auto made = quick_nats(server.url());
        made.logger = logger;
        return made;
    }
    static bool works(PubSubClient& client) {
        return eventually([&] { return client.up(); }) && client.subscribe("c") && client.publish("c", "x") &&
               eventually([&] { return !client.heard().empty(); });
    }
    /// Nothing but the attempt and what is logged of it.
    std::string refusal(nats::Options refused) {
        const PubSubClient client(connect_nats(std::move(refused)));
        EXPECT_TRUE(client.started());
        EXPECT_TRUE(eventually([&] { return !logger->text().empty(); }));
        EXPECT_FALSE(client.up());
        return logger->text();
    }

    std::shared_ptr<LogLines> logger = std::make_shared<LogLines>();
};

TEST_F(NatsAccess, UserAndPassword) {
    const NatsServer server({"--user", "ada", "--pass", "lovelace"});
    auto right = options(server);
    right.user = "ada";
    right.password = "lovelace";
    PubSubClient client(connect_nats(right));
    EXPECT_TRUE(works(client));

    PubSubClient with_url(connect_nats(quick_nats("nats://ada:lovelace@127.0.0.1:" + std::to_string(server.port()))));
    EXPECT_TRUE(works(with_url));

    right.password = "sesame";
    const auto said = refusal(right);
    EXPECT_THAT(said, HasSubstr("uthorization"));
    EXPECT_THAT(said, Not(HasSubstr("sesame")));
}

TEST_F(NatsAccess, Token) {
    const NatsServer server({"--auth", "open-sesame"});
    auto right = options(server);
    right.token = "open-sesame";
    PubSubClient client(connect_nats(right));
    EXPECT_TRUE(works(client));
    right.token = "close-sesame";
    EXPECT_THAT(refusal(right), Not(HasSubstr("sesame")));
}

TEST_F(NatsAccess, NoSecretOfAnUrlIsLogged) {
    const NatsServer server({"--user", "ada", "--pass", "lovelace"});
    auto wrong = options(server);
    wrong.servers = {"nats://ada:sesame@127.0.0.1:" + std::to_string(server.port())};
    EXPECT_THAT(refusal(wrong), Not(HasSubstr("sesame")));
}

TEST_F(NatsAccess, TlsWithAuthorityAndClientCertificate) {
    const TlsCertificate authority("ca");
    const TlsCertificate server_certificate("localhost", TlsCertificate::KeyType::ec, &authority);
    const TlsCertificate client_certificate("client", TlsCertificate::KeyType::ec, &authority);
    const NatsServer server({"--tlsverify", "--tlscert", server_certificate.certificate_file(), "--tlskey",
                             server_certificate.key_file(), "--tlscacert", authority.certificate_file()});
    auto right = options(server);
    right.tls = nats::ClientTls{.ca_file = authority.certificate_file(),
                                .certificate_file = client_certificate.certificate_file(),
                                .key_file = client_certificate.key_file()};
    PubSubClient client(connect_nats(right));
    EXPECT_TRUE(works(client));

    auto without_certificate = right;
    without_certificate.tls->certificate_file.clear();
    without_certificate.tls->key_file.clear();
    refusal(without_certificate);
}

TEST_F(NatsAccess, TlsRefusesStrangersAndOtherNames) {
    const TlsCertificate authority("ca");
    const TlsCertificate stranger("other ca");
    const TlsCertificate server_certificate("localhost", TlsCertificate::KeyType::ec, &authority);
    const NatsServer server(
        {"--tls", "--tlscert", server_certificate.certificate_file(), "--tlskey", server_certificate.key_file()});
    auto right = options(server);
    right.tls = nats::ClientTls{.ca_file = authority.certificate_file(), .server_name = "localhost"};
    PubSubClient client(connect_nats(right));
    EXPECT_TRUE(works(client));

    auto other_authority = right;
    other_authority.tls->ca_file = stranger.certificate_file();
    refusal(other_authority);
    auto other_name = right;
    other_name.tls->server_name = "elsewhere.example";
    refusal(other_name);
}

TEST_F(NatsAccess, TheNameOfTheHostIsVerifiedUnasked) {
    const TlsCertificate authority("ca");
    const TlsCertificate server_certificate("localhost", TlsCertificate::KeyType::ec, &authority);
    const NatsServer server(
        {"--tls", "--tlscert", server_certificate.certificate_file(), "--tlskey", server_certificate.key_file()});
    auto options_by_name = options(server);
    options_by_name.tls = nats::ClientTls{.ca_file = authority.certificate_file()};
    options_by_name.servers = {"nats://localhost:" + std::to_string(server.port())};
    PubSubClient client(connect_nats(options_by_name));
    EXPECT_TRUE(works(client));

    // The same server under a name that its certificate does not have.
    options_by_name.servers = {"nats://127.0.0.2:" + std::to_string(server.port())};
    const PubSubClient stranger(connect_nats(options_by_name));
    EXPECT_TRUE(eventually([&] { return !logger->text().empty(); }));
    EXPECT_FALSE(stranger.up());
}

TEST_F(NatsAccess, NeverGoesWithoutTlsWhenItIsAskedFor) {
    const TlsCertificate authority("ca");
    const NatsServer server;
    auto wants = options(server);
    wants.tls = nats::ClientTls{.ca_file = authority.certificate_file()};
    refusal(wants);
}

TEST_F(NatsAccess, ASubscriptionThatIsNotPermittedIsRefused) {
    const TlsCertificate place("directory");  // that goes away by itself
    const auto file = (place.directory() / "nats.conf").string();
    std::ofstream(file) << "authorization { users = [ { user: ada, password: x, permissions: {\n"
                           "  subscribe: [\"cryo.>\"], publish: [\">\"] } } ] }\n";
    const NatsServer server({"--config", file});
    auto ada = options(server);
    ada.user = "ada";
    ada.password = "x";
    PubSubClient client(connect_nats(ada));
    ASSERT_TRUE(eventually([&] { return client.up(); }));
    EXPECT_TRUE(client.subscribe("cryo:t:x"));

    std::vector<PubSubClient::Outcome> outcomes;
    for (const auto* channel : {"cryo:a", "other:a", "cryo:b", "other:b"}) {
        outcomes.push_back(client.begin_subscribe(channel));
    }
    std::vector<bool> good;
    for (const auto& outcome : outcomes) {
        const auto result = outcome->next();
        ASSERT_TRUE(result);
        good.push_back(result->ok());
        if (!result->ok()) {
            EXPECT_EQ(result->error().code, Errc::system);
        }
    }
    EXPECT_EQ(good, (std::vector<bool>{true, false, true, false}));
    EXPECT_EQ(client.stats().channels, 3u);
    EXPECT_TRUE(client.up());
    EXPECT_TRUE(client.publish("cryo:b", "still works"));
    EXPECT_TRUE(eventually([&] { return client.heard_on("cryo:b").size() == 1; }));
}

TEST_F(NatsAccess, AnotherServerTakesOver) {
    auto first = std::make_unique<NatsServer>();
    const NatsServer second;
    auto both = options(*first);
    both.servers.push_back(second.url());
    PubSubClient client(connect_nats(both));
    ASSERT_TRUE(works(client));
    // Whichever of the two it is connected to: at the end only the second is left.
    first.reset();
    EXPECT_TRUE(eventually([&] {
        client.publish("c", "again");
        const auto heard = client.heard_on("c");
        return client.up() && heard.back() == "again";
    }));
}

TEST_F(NatsAccess, WhatTheServerCarriesIsKnown) {
    const TlsCertificate place("directory");
    const auto file = (place.directory() / "nats.conf").string();
    std::ofstream(file) << "max_payload: 2000\n";
    const NatsServer server({"--config", file});
    PubSubClient client(connect_nats(options(server)));
    ASSERT_TRUE(works(client));
    EXPECT_EQ(client.max_payload(), 2000u);
    EXPECT_FALSE(client.publish("c", std::string(2001, 'x')));
    EXPECT_TRUE(client.publish("c", std::string(2000, 'x')));
    EXPECT_TRUE(eventually([&] { return client.heard().size() == 2; }));
}

TEST(NatsOptions, NameEveryProblem) {
    nats::Options wrong;
    wrong.servers = {};
    wrong.user = "ada";
    wrong.token = "x";
    wrong.retry_min = std::chrono::milliseconds(10'000);
    wrong.tls = nats::ClientTls{.certificate_file = "only one of two"};
    const auto made = nats::make_pub_sub(wrong);
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, Errc::invalid_option);
    for (const auto* word : {"servers", "token", "retry_min", "ca_file", "key_file"}) {
        EXPECT_THAT(made.error().message, HasSubstr(word));
    }
}

TEST(NatsOptions, FilesThatCannotBeUsedEndTheStart) {
    nats::Options options;
    options.tls = nats::ClientTls{.ca_file = "/does/not/exist.pem"};
    const PubSubClient client(connect_nats(options));
    EXPECT_FALSE(client.started());
}

}  // namespace
}  // namespace cryo::test
