#include <chrono>
#include <future>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deployment.h"
#include "wire.h"

namespace cryo::test {
namespace {

using broker::wire::Message;

constexpr const char* kProtobuf = "Content-Type: application/protobuf; charset=x\r\n";
constexpr const char* kSecret = "Authorization: Bearer between us\r\n";

class BrokerDirect : public ::testing::Test {
protected:
    BrokerDirect()
        : deployment_(Deployment::Kind::direct, [](broker::BrokerOptions& options) {
              options.confirm_timeout = std::chrono::milliseconds{500};
          }) {}

    HttpAnswer post(const std::string& path, const std::string& body, const std::string& lines) {
        return Deployment::ask_at(deployment_.worker().port(), "POST", path, body, lines);
    }
    static std::string message(const std::string& user) {
        return encode(Message{Message::Type::text, "direct", {.user = user}, {}});
    }

    Deployment deployment_;
};

TEST_F(BrokerDirect, WorkersSayWhereTheyAre) {
    const auto key = "worker:" + deployment_.worker().broker().worker_id();
    const auto address = "127.0.0.1:" + std::to_string(deployment_.worker().port());
    EXPECT_TRUE(eventually([&] { return deployment_.redis().command({"HGET", key, "ip"}) == address; }));
}

TEST_F(BrokerDirect, TakesMessagesWithTheSecret) {
    auto client = deployment_.join("user=ada");
    const auto answer = post("/_/message", message("ada"), std::string(kProtobuf) + kSecret);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Json::parse(answer.body)["success"], true);
    EXPECT_EQ(client.text(), "direct");
}

TEST_F(BrokerDirect, RefusesMessagesWithoutIt) {
    auto client = deployment_.join("user=ada");
    for (const auto* lines : {"", "Authorization: Bearer wrong\r\n", "Authorization: between us\r\n"}) {
        for (const auto* path : {"/_/message", "/_/message/channel"}) {
            const auto answer = post(path, message("ada"), std::string(kProtobuf) + lines);
            EXPECT_EQ(answer.status, 400);
            EXPECT_EQ(Json::parse(answer.body)["errorCode"], "INVALID_AUTHORIZATION");
        }
    }
    EXPECT_EQ(deployment_.worker().broker().stats().received_parcels, 0u);
}

TEST_F(BrokerDirect, RefusesWhatItCannotRead) {
    const auto code = [&](const std::string& body, const std::string& lines) {
        const auto answer = post("/_/message", body, lines + kSecret);
        EXPECT_EQ(answer.status, 400);
        return Json::parse(answer.body)["errorCode"].get<std::string>();
    };
    EXPECT_EQ(code(message("ada"), "Content-Type: text/plain\r\n"), "INVALID_CONTENT_TYPE");
    EXPECT_EQ(code(message("ada"), ""), "INVALID_CONTENT_TYPE");
    EXPECT_EQ(code("\xff\xff", kProtobuf), "ERROR_READING_BODY");
    EXPECT_EQ(code("", kProtobuf), "ERROR_READING_BODY");
}

TEST_F(BrokerDirect, ATargetThatNamesNobodyIsNoError) {
    EXPECT_EQ(
        post("/_/message", encode(Message{Message::Type::text, "x", {}, {}}), std::string(kProtobuf) + kSecret).status,
        200);
}

TEST_F(BrokerDirect, SaysThatAWorkerIsGone) {
    auto client = deployment_.join("user=ada");
    auto& redis = deployment_.redis();
    redis.command({"HSET", "worker:dead", "confirms", "1", "ip", "127.0.0.1:1"});
    redis.command({"HSET", "conn:ghost", "user", "ada", "workerId", "dead"});
    redis.command({"SADD", "user:ada", "ghost"});
    const auto answer = deployment_.ask("POST", "/send?type=text&user=ada", "to the living");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(Json::parse(answer.body)["errorCode"], "ERROR_DELIVERING_MESSAGING");
    EXPECT_EQ(client.text(), "to the living");
}

/// A worker that was killed is still registered when its successor has its address.
TEST_F(BrokerDirect, SendsToAnAddressOnce) {
    auto client = deployment_.join("user=ada");
    auto& redis = deployment_.redis();
    const auto address = "127.0.0.1:" + std::to_string(deployment_.worker().port());
    redis.command({"HSET", "worker:dead", "confirms", "1", "ip", address});
    redis.command({"HSET", "conn:ghost", "user", "ada", "workerId", "dead"});
    redis.command({"SADD", "user:ada", "ghost"});
    for (const auto* text : {"first", "second"}) {
        EXPECT_EQ(deployment_.post("/send?type=text&report=true&user=ada", text),
                  Json::parse(R"({"success":true,"connections":1,"complete":true})"));
        EXPECT_EQ(client.text(), text);
    }
}

/// The same of one that is API and worker: its predecessor's address is its own.
TEST_F(BrokerDirect, SendsNothingToItselfAgain) {
    auto options = deployment_.options();
    options.role = broker::Role::both;
    BrokerNode both(options);
    BrokerClient client(both.port(), "claim=" + deployment_.claim("user=ada"));
    ASSERT_TRUE(client.connected());
    auto& redis = deployment_.redis();
    redis.command({"HSET", "worker:dead", "confirms", "1", "ip", "127.0.0.1:" + std::to_string(both.port())});
    redis.command({"HSET", "conn:ghost", "user", "ada", "workerId", "dead"});
    redis.command({"SADD", "user:ada", "ghost"});
    for (const auto* text : {"first", "second"}) {
        const auto answer = Deployment::ask_at(both.port(), "POST", "/send?type=text&report=true&user=ada", text,
                                               std::string("Authorization: Bearer ") + Deployment::kToken + "\r\n");
        EXPECT_EQ(Json::parse(answer.body, nullptr, false),
                  Json::parse(R"({"success":true,"connections":1,"complete":true})"));
        EXPECT_EQ(client.text(), text);
    }
}

/// It accepts connections and never answers: calls that wait behind each other do not add up.
TEST_F(BrokerDirect, AWorkerThatHangsHoldsNobodyUp) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener, 64), 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    auto& redis = deployment_.redis();
    redis.command(
        {"HSET", "worker:hung", "confirms", "1", "ip", "127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
    redis.command({"HSET", "conn:ghost", "user", "ada", "workerId", "hung"});
    redis.command({"SADD", "user:ada", "ghost"});

    constexpr int kCalls = 20;  // one after the other they would take ten seconds
    const auto before = std::chrono::steady_clock::now();
    std::vector<std::future<HttpAnswer>> calls;
    for (int i = 0; i < kCalls; ++i) {
        calls.push_back(
            std::async(std::launch::async, [&] { return deployment_.ask("POST", "/send?type=text&user=ada", "x"); }));
    }
    for (auto& call : calls) {
        const auto answer = call.get();
        EXPECT_EQ(answer.status, 500);
        EXPECT_EQ(Json::parse(answer.body, nullptr, false).value("errorCode", ""), "ERROR_DELIVERING_MESSAGING");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{8});
    ::close(listener);
}

TEST_F(BrokerDirect, PassesOverWorkersWithoutAddress) {
    auto& redis = deployment_.redis();
    redis.command({"HSET", "conn:ghost", "user", "ada", "workerId", "nowhere"});
    redis.command({"SADD", "user:ada", "ghost"});
    EXPECT_EQ(deployment_.post("/send?type=text&report=true&user=ada", "x"),
              Json::parse(R"({"success":true,"connections":0,"complete":false})"));
}

TEST(BrokerDirectOpen, TakesMessagesOfDsocksApiWhenToldTo) {
    Deployment deployment(Deployment::Kind::direct,
                          [](broker::BrokerOptions& options) { options.direct.allow_unauthenticated = true; });
    auto client = deployment.join("user=ada");
    const auto answer =
        Deployment::ask_at(deployment.worker().port(), "POST", "/_/message",
                           encode(Message{Message::Type::text, "open", {.user = "ada"}, {}}), kProtobuf);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(client.text(), "open");
}

TEST(BrokerDirectOff, HasNoSuchRoutes) {
    Deployment deployment(Deployment::Kind::memory);
    const auto answer = deployment.ask("POST", "/_/message", "x", kProtobuf);
    EXPECT_EQ(answer.status, 404);
}

}  // namespace
}  // namespace cryo::test
