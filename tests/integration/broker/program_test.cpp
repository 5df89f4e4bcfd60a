#include <filesystem>

#include <gtest/gtest.h>

#include "deployment.h"
#include "program_fixture.h"

namespace cryo::test {
namespace {

TEST_F(BrokerProgram, ExplainsItself) {
    auto program = run({"--help"});
    EXPECT_EQ(program->exit_code(), 0);
    for (const auto* part : {"--role", "--port", "--redis-host", "--token", "--config", "DSOCK_REDIS_HOST"}) {
        EXPECT_NE(program->output().find(part), std::string::npos) << part;
    }
    auto version = run({"--version"});
    EXPECT_EQ(version->exit_code(), 0);
    EXPECT_NE(version->output().find("0."), std::string::npos);
}

TEST_F(BrokerProgram, RefusesWhatItDoesNotUnderstand) {
    EXPECT_EQ(run({"--nonsense"})->exit_code(), 2);
    EXPECT_EQ(run({"--port"})->exit_code(), 2);
    EXPECT_EQ(run({"extra"})->exit_code(), 2);
    auto wrong = run({"--port", "many"});
    EXPECT_EQ(wrong->exit_code(), 2);
    EXPECT_NE(wrong->output().find("--port: port cannot be \"many\""), std::string::npos) << wrong->output();
}

TEST_F(BrokerProgram, SaysWhereAConfigurationIsWrong) {
    write("config.toml", "token = 'x'\nttl_duration = '60'\n");
    auto program = run({});
    EXPECT_EQ(program->exit_code(), 2);
    EXPECT_NE(program->output().find("./config.toml: ttl_duration cannot be \"60\""), std::string::npos)
        << program->output();
}

TEST_F(BrokerProgram, WantsATokenBeforeItListensToEverybody) {
    auto program = run({"--host", "0.0.0.0", "--port", "0"});
    EXPECT_EQ(program->exit_code(), 2);
    EXPECT_NE(program->output().find("allow_open_api"), std::string::npos);
}

TEST_F(BrokerProgram, SaysThatAPortIsTaken) {
    auto first = run({"--port", "0"});
    const auto port = first->port();
    ASSERT_NE(port, 0);
    auto second = run({"--port", std::to_string(port)});
    EXPECT_EQ(second->exit_code(), 1);
    EXPECT_NE(second->output().find(std::to_string(port)), std::string::npos);
}

TEST_F(BrokerProgram, ServesAndStopsInOrder) {
    for (const int signal : {SIGTERM, SIGINT}) {
        auto program = run({"--host", "127.0.0.1"}, {{"PORT", "0"}, {"DSOCK_TOKEN", "t"}});
        const auto port = program->port();
        ASSERT_NE(port, 0) << program->output();
        EXPECT_EQ(Deployment::ask_at(port, "GET", "/info?user=u").status, 400) << "no token";
        const auto claim = Json::parse(Deployment::ask_at(port, "POST", "/claim?user=ada&token=t").body)["claim"]["id"];
        BrokerClient client(port, "claim=" + claim.get<std::string>());
        ASSERT_TRUE(client.connected());
        Deployment::ask_at(port, "POST", "/send?type=text&user=ada&token=t", "hello");
        EXPECT_EQ(client.text(), "hello");
        program->signal(signal);
        EXPECT_EQ(client.next_close(), 1000);
        client.send_close(1000);
        EXPECT_EQ(program->exit_code(), 0) << program->output();
        EXPECT_EQ(program->output().find("claim="), std::string::npos) << "a claim is a secret";
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "nothing is written";
}

TEST_F(BrokerProgram, LogsRequestsWithoutSecrets) {
    auto program =
        run({"--port", "0", "--log-requests", "true"}, {{"DSOCK_TOKEN", "the-token"}, {"DSOCK_HOST", "127.0.0.1"}});
    const auto port = program->port();
    ASSERT_NE(port, 0);
    Deployment::ask_at(port, "POST", "/claim?user=ada&token=the-token");
    EXPECT_TRUE(program->prints("request method=POST path=/claim address=127.0.0.1 status=200"));
    EXPECT_EQ(program->output().find("the-token"), std::string::npos);
}

TEST_F(BrokerProgram, WorksInTwoProcesses) {
    RedisServer redis;
    const auto address = "127.0.0.1:" + std::to_string(redis.port());
    write("config.json", R"({"token": "t", "redis_host": ")" + address + R"(", "host": "127.0.0.1", "port": 0})");
    auto api = run({"--role", "api"});
    auto worker = run({"--role", "worker"});
    const auto api_port = api->port(), worker_port = worker->port();
    ASSERT_NE(api_port, 0) << api->output();
    ASSERT_NE(worker_port, 0) << worker->output();
    const auto claim = Json::parse(Deployment::ask_at(api_port, "POST", "/claim?user=ada&token=t").body)["claim"]["id"];
    BrokerClient client(worker_port, "claim=" + claim.get<std::string>());
    Deployment::ask_at(api_port, "POST", "/send?type=text&user=ada&token=t", "hello");
    EXPECT_EQ(client.text(), "hello");
    worker->signal(SIGTERM);
    EXPECT_EQ(client.next_close(), 1000);
    client.send_close(1000);
    EXPECT_EQ(worker->exit_code(), 0) << worker->output();
    EXPECT_EQ(redis.command({"KEYS", "*"}), "");
    api->signal(SIGTERM);
    EXPECT_EQ(api->exit_code(), 0);
}

/// Between API and worker there is a target around the message.
TEST_F(BrokerProgram, CarriesTheLargestMessageDirectly) {
    RedisServer redis;
    const std::string user(1'000, 'u'), largest(4'096, 'x');
    const Json config{{"token", "t"},
                      {"redis_host", "127.0.0.1:" + std::to_string(redis.port())},
                      {"host", "127.0.0.1"},
                      {"port", 0},
                      {"messaging_method", "direct"},
                      {"direct_message_hostname", "127.0.0.1"},
                      {"direct_message_secret", "between us"},
                      {"max_message_bytes", largest.size()}};
    write("config.json", config.dump());
    auto api = run({"--role", "api"});
    auto worker = run({"--role", "worker"});
    const auto call = [port = api->port()](const std::string& target, std::string_view body = {}) {
        return Deployment::ask_at(port, "POST", target, body, "Authorization: Bearer t\r\n");
    };
    const auto claim = Json::parse(call("/claim?user=" + user).body)["claim"]["id"].get<std::string>();
    BrokerClient client(worker->port(), "claim=" + claim);
    EXPECT_EQ(call("/send?type=binary&user=" + user, largest).status, 200);
    EXPECT_EQ(client.binary(), largest);
    EXPECT_EQ(call("/send?type=binary&user=" + user, largest + 'x').status, 413);
}

}  // namespace
}  // namespace cryo::test
