#include <chrono>
#include <ctime>
#include <thread>

#include <gtest/gtest.h>

#include "deployment.h"
#include "webhook.h"

namespace cryo::test {
namespace {

using namespace std::chrono_literals;

/// What a client sent, as the application or the webhook got it.
struct Heard {
    std::string connection{}, user{}, session{}, body{}, content_type{}, signature{}, head{};
    bool is_text = false;
};

/// Answers posts with what it is told, one after the other, then 200.
class WebhookReceiver {
public:
    explicit WebhookReceiver(std::vector<int> statuses = {})
        : statuses_(std::move(statuses)), server_(TestServer::quick_options(), nullptr) {
        const auto mounted = server_->http("POST", "/hook", [this](const HttpRequest& request, HttpReply reply) {
            std::string head;
            for (const auto* name :
                 {"Cryo-Timestamp", "Cryo-Message-Id", "Cryo-Connection", "Cryo-User", "Cryo-Session"}) {
                head.append(request.header(name)).append("\n");
            }
            const int status = statuses_.empty() ? 200 : statuses_.front();
            if (!statuses_.empty()) statuses_.erase(statuses_.begin());
            if (status == 200) {
                heard_.push({.connection = std::string(request.header("Cryo-Connection")),
                             .user = std::string(request.header("Cryo-User")),
                             .session = std::string(request.header("Cryo-Session")),
                             .body = std::string(request.body_text()),
                             .content_type = std::string(request.header("Content-Type")),
                             .signature = std::string(request.header("Cryo-Signature")),
                             .head = head});
            }
            reply.send(HttpResponse::text(status, ""));
        });
        if (!mounted) throw std::runtime_error(mounted.error().message);
        server_.start();
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()) + "/hook"; }
    std::optional<Heard> next() { return heard_.next(); }
    bool empty() const { return heard_.size() == 0; }

private:
    std::vector<int> statuses_;  // the loop's
    Inbox<Heard> heard_;
    TestServer server_;
};

TEST(BrokerMessages, ReachTheApplication) {
    Inbox<Heard> heard;
    Deployment deployment(Deployment::Kind::memory, [&](broker::BrokerOptions& options) {
        options.on_message = [&heard](const broker::ClientMessage& message) {
            heard.push({.connection = std::string(message.connection),
                        .user = std::string(message.user),
                        .session = std::string(message.session),
                        .body = std::string(as_text(message.payload)),
                        .is_text = message.kind == MessageKind::text});
        };
    });
    auto client = deployment.join("user=ada&session=s");
    client.send_text("hello");
    client.send_binary("bytes");
    const auto first = heard.next(), second = heard.next();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->connection, deployment.info("user=ada")["connections"][0]["id"]);
    EXPECT_EQ(first->user, "ada");
    EXPECT_EQ(first->session, "s");
    EXPECT_EQ(first->body, "hello");
    EXPECT_TRUE(first->is_text);
    EXPECT_EQ(second->body, "bytes");
    EXPECT_FALSE(second->is_text);
    EXPECT_EQ(deployment.api().broker().stats().client_messages, 2u);
}

TEST(BrokerMessages, ReachTheWebhookInOrderAndSigned) {
    WebhookReceiver receiver;
    Deployment deployment(Deployment::Kind::memory, [&](broker::BrokerOptions& options) {
        options.webhook.url = receiver.url();
        options.webhook.secret = "hook secret";
    });
    auto client = deployment.join("user=ada%0D%0Ab");
    for (int i = 0; i < 20; ++i) client.send_text(std::to_string(i));
    for (int i = 0; i < 20; ++i) {
        const auto heard = receiver.next();
        ASSERT_TRUE(heard.has_value());
        EXPECT_EQ(heard->body, std::to_string(i));
        EXPECT_EQ(heard->user, "ada%0D%0Ab");
        EXPECT_EQ(heard->session, "");
        EXPECT_EQ(heard->content_type, "text/plain; charset=utf-8");
        EXPECT_EQ(heard->signature, "sha256=" + broker::sign("hook secret", heard->head, heard->body));
    }
    EXPECT_TRUE(eventually([&] { return deployment.api().broker().stats().webhook_delivered == 20; }));
}

TEST(BrokerMessages, AreOfferedToTheWebhookAgain) {
    WebhookReceiver receiver({503, 500});
    Deployment deployment(Deployment::Kind::memory,
                          [&](broker::BrokerOptions& options) { options.webhook.url = receiver.url(); });
    auto client = deployment.join("user=ada");
    client.send_text("first");
    client.send_text("second");
    EXPECT_EQ(receiver.next()->body, "first");
    EXPECT_EQ(receiver.next()->body, "second");
}

TEST(BrokerMessages, AreGivenUpInTheEnd) {
    WebhookReceiver receiver({400});
    Deployment deployment(Deployment::Kind::memory,
                          [&](broker::BrokerOptions& options) { options.webhook.url = receiver.url(); });
    auto client = deployment.join("user=ada");
    client.send_text("refused for good");
    client.send_text("next");
    EXPECT_EQ(receiver.next()->body, "next");
    EXPECT_EQ(deployment.api().broker().stats().webhook_dropped, 1u);
}

TEST(BrokerMessages, AreDroppedWhenTheWebhookIsBehind) {
    Deployment deployment(Deployment::Kind::memory, [&](broker::BrokerOptions& options) {
        options.webhook.url = "http://127.0.0.1:1/";  // nobody is there
        options.webhook.max_queued = 3;
        options.webhook.max_attempts = 100;
    });
    auto client = deployment.join("user=ada");
    for (int i = 0; i < 10; ++i) client.send_text("x");
    EXPECT_TRUE(eventually([&] { return deployment.api().broker().stats().webhook_dropped >= 7; }));
}

// -- signs of life ---------------------------------------------------------------------------------------------------

ServerOptions with_keepalive(std::chrono::milliseconds interval) {
    auto options = BrokerNode::server_options();
    options.keepalive_interval = interval;
    return options;
}

broker::BrokerOptions open_broker() { return {.allow_open_api = true}; }

Json info_of(BrokerNode& node, const std::string& user) {
    return Json::parse(Deployment::ask_at(node.port(), "GET", "/info?user=" + user).body)["connections"];
}

std::unique_ptr<BrokerClient> join(BrokerNode& node, const std::string& user) {
    const auto claim = Json::parse(Deployment::ask_at(node.port(), "POST", "/claim?user=" + user).body)["claim"]["id"];
    return std::make_unique<BrokerClient>(node.port(), "claim=" + claim.get<std::string>());
}

TEST(BrokerLife, LastPingIsTrue) {
    BrokerNode node(open_broker(), with_keepalive(100ms));
    const auto client = join(node, "ada");
    const auto before = info_of(node, "ada")[0]["lastPing"].get<std::int64_t>();
    EXPECT_TRUE(eventually([&] {
        const auto ping = client->next(kPing);
        if (!ping) return false;
        client->send_pong(*ping);
        return info_of(node, "ada")[0]["lastPing"].get<std::int64_t>() > before;
    }));
}

/// Other processes see it with the next refresh. Without a sign of life it stays as it is.
TEST(BrokerLife, LastPingIsTrueInRedis) {
    Deployment deployment(Deployment::Kind::redis, [](broker::BrokerOptions& options) { options.ttl = 1s; });
    auto client = deployment.join("user=ada");
    const auto id = deployment.info("user=ada")["connections"][0]["id"].get<std::string>();
    const auto last_ping = [&] { return deployment.redis().command({"HGET", "conn:" + id, "lastPing"}); };
    const auto joined = last_ping();
    const auto now = std::time(nullptr);
    ASSERT_TRUE(eventually([&] { return std::time(nullptr) > now + 1; }));
    EXPECT_EQ(last_ping(), joined);
    client.send_pong();
    EXPECT_TRUE(eventually([&] { return last_ping() > joined; }));
    EXPECT_GT(deployment.info("user=ada")["connections"][0]["lastPing"], now);
}

TEST(BrokerLife, WhoDoesNotAnswerIsGone) {
    BrokerNode node(open_broker(), with_keepalive(100ms));
    const auto client = join(node, "ada");
    EXPECT_EQ(info_of(node, "ada").size(), 1u);
    EXPECT_TRUE(eventually([&] { return info_of(node, "ada").empty(); }));
}

TEST(BrokerLife, WhoDoesNotReadCostsLittleAndCanBeDisconnected) {
    auto server = BrokerNode::server_options();
    server.backpressure.max_queued_bytes = 2u << 20;
    server.backpressure.high_water_mark = 1u << 20;
    server.backpressure.low_water_mark = 1u << 18;
    BrokerNode node(open_broker(), server);
    const auto client = join(node, "slow");
    const std::string large(1u << 20, 'x');
    for (int i = 0; i < 40; ++i) {
        const auto answer = Deployment::ask_at(node.port(), "POST", "/send?type=binary&user=slow", large);
        ASSERT_EQ(answer.status, 200);
    }
    EXPECT_GT(node.server().stats().dropped_messages, 20u);
    EXPECT_EQ(Deployment::ask_at(node.port(), "POST", "/disconnect?user=slow").status, 200);
    EXPECT_TRUE(info_of(node, "slow").empty());
    EXPECT_TRUE(eventually([&] { return node.server().stats().connections == 0; }));
}

// -- inside another server -------------------------------------------------------------------------------------------

TEST(BrokerEmbedded, StaysBelowItsPrefix) {
    auto options = open_broker();
    options.prefix = "/push";
    TestServer server(TestServer::quick_options(), nullptr);
    auto broker = broker::Broker::create(options);
    ASSERT_TRUE(broker.ok());
    ASSERT_TRUE((*broker)->install(*server).ok());
    ASSERT_TRUE(server
                    ->http("GET", "/mine",
                           [](const HttpRequest&, HttpReply reply) { reply.send(HttpResponse::text(200, "mine")); })
                    .ok());
    server.start();
    EXPECT_EQ(Deployment::ask_at(server.port(), "GET", "/mine").body, "mine");
    EXPECT_EQ(Deployment::ask_at(server.port(), "GET", "/ping").status, 404);
    EXPECT_EQ(Deployment::ask_at(server.port(), "GET", "/push/ping").body, "pong");
    EXPECT_EQ(Deployment::ask_at(server.port(), "GET", "/push/info/?user=u").header("Location"), "/push/info?user=u");
    const auto claim =
        Json::parse(Deployment::ask_at(server.port(), "POST", "/push/claim?user=ada").body)["claim"]["id"];
    WsClient client(server.port(), "/push/connect?claim=" + claim.get<std::string>());
    EXPECT_TRUE(client.connected());
    Deployment::ask_at(server.port(), "POST", "/push/send?type=text&user=ada", "hello");
    EXPECT_EQ(client.next(kText), "hello");
}

TEST(BrokerEmbedded, SharesAHub) {
    auto hub = hub::Hub::create();
    ASSERT_TRUE(hub.ok());
    TestServer server(TestServer::quick_options(), nullptr);
    ASSERT_TRUE(server->register_extension(*hub).ok());
    auto broker = broker::Broker::create(open_broker(), *hub);
    ASSERT_TRUE(broker.ok());
    ASSERT_TRUE((*broker)->install(*server).ok());
    server.start();
    const auto claim =
        Json::parse(Deployment::ask_at(server.port(), "POST", "/claim?user=ada&channels=news").body)["claim"]["id"];
    BrokerClient client(server.port(), "claim=" + claim.get<std::string>());
    (*hub)->publish(hub::Target::topic("news"), PreparedMessage::text("from the application"));
    EXPECT_EQ(client.text(), "from the application");
}

TEST(BrokerEmbedded, CanBeTakenOutWhileTheServerRuns) {
    TestServer server(TestServer::quick_options(), nullptr);
    auto broker = broker::Broker::create(open_broker());
    ASSERT_TRUE(broker.ok());
    ASSERT_TRUE((*broker)->install(*server).ok());
    server.start();
    ASSERT_TRUE(server->unregister_extension("broker").ok());
    EXPECT_EQ(Deployment::ask_at(server.port(), "GET", "/info?user=u").status, 503);
    EXPECT_EQ(BrokerClient(server.port(), "claim=x").answer().status, 503);
}

TEST(BrokerEmbedded, IsRegisteredByInstallOnly) {
    TestServer server(TestServer::quick_options(), nullptr);
    auto broker = broker::Broker::create(open_broker());
    ASSERT_TRUE(broker.ok());
    EXPECT_EQ(server->register_extension(*broker).error().code, Errc::wrong_state);
}

}  // namespace
}  // namespace cryo::test
