#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cryo/broker/config.h>

namespace cryo::broker {
namespace {

using namespace std::chrono_literals;

class BrokerConfig : public ::testing::Test {
protected:
    BrokerConfig() {
        std::string pattern = std::filesystem::temp_directory_path() / "cryo-config-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        for (const auto* name : {"here", "home", "etc"}) {
            std::filesystem::create_directory(folder_ / name);
            sources_.folders.push_back(folder_ / name);
        }
        sources_.environment = [this](const std::string& name) -> std::optional<std::string> {
            const auto found = environment_.find(name);
            return found == environment_.end() ? std::nullopt : std::optional(found->second);
        };
    }
    ~BrokerConfig() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& path, const std::string& content) { std::ofstream(folder_ / path) << content; }

    Config load() {
        auto loaded = load_config(sources_);
        EXPECT_TRUE(loaded.ok()) << (loaded ? "" : loaded.error().message);
        return loaded ? *loaded : Config{};
    }
    std::string problem() {
        const auto loaded = load_config(sources_);
        return loaded ? "none" : loaded.error().message;
    }

    std::filesystem::path folder_;
    std::map<std::string, std::string> environment_;
    ConfigSources sources_;
};

TEST_F(BrokerConfig, HasDefaults) {
    const auto config = load();
    EXPECT_EQ(config.port, 6241);
    EXPECT_EQ(config.broker.role, Role::both);
    EXPECT_FALSE(config.broker.redis.has_value());
    EXPECT_EQ(config.broker.ttl, 60s);
    EXPECT_EQ(config.broker.messaging, Messaging::redis);
    EXPECT_EQ(config.ping_interval, 30s);
    EXPECT_TRUE(config.file.empty());
}

TEST_F(BrokerConfig, AnOpenApiStaysOnTheLoopback) {
    EXPECT_EQ(load().host, "127.0.0.1");
    EXPECT_TRUE(load().broker.allow_open_api);
    EXPECT_EQ(load().warnings.size(), 1u);
    environment_ = {{"DSOCK_HOST", "0.0.0.0"}};
    EXPECT_FALSE(load().broker.allow_open_api) << "is then refused";
    environment_ = {{"DSOCK_TOKEN", "t"}};
    EXPECT_EQ(load().host, "0.0.0.0");
    environment_ = {{"DSOCK_ROLE", "worker"}};
    EXPECT_EQ(load().host, "0.0.0.0");
    environment_ = {{"DSOCK_ALLOW_OPEN_API", "true"}};
    EXPECT_EQ(load().host, "0.0.0.0");
    EXPECT_TRUE(load().warnings.empty());
}

TEST_F(BrokerConfig, WritesNothing) {
    environment_ = {{"DSOCK_TOKEN", "secret"}};
    load();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
        EXPECT_TRUE(entry.is_directory()) << entry.path();
    }
}

TEST_F(BrokerConfig, TheEnvironmentWinsOverTheFile) {
    write("here/config.toml", "port = 1000\ntoken = 'file'\n");
    environment_ = {{"DSOCK_TOKEN", "variable"}, {"DSOCK_PORT", ""}};
    const auto config = load();
    EXPECT_EQ(config.port, 1000) << "an empty variable is none";
    EXPECT_EQ(config.broker.token, "variable");
}

TEST_F(BrokerConfig, OverridesWinOverAll) {
    environment_ = {{"PORT", "1"}};
    sources_.overrides = {{"port", "2"}};
    EXPECT_EQ(load().port, 2);
}

TEST_F(BrokerConfig, ThePlainPortWins) {
    environment_ = {{"PORT", "1"}, {"DSOCK_PORT", "2"}};
    EXPECT_EQ(load().port, 1);
    environment_.erase("PORT");
    EXPECT_EQ(load().port, 2);
}

TEST_F(BrokerConfig, TheFirstFileIsTheOnlyOne) {
    write("etc/config.json", R"({"port": 3, "token": "etc"})");
    EXPECT_EQ(load().port, 3);
    write("home/config.yaml", "port: 2");
    EXPECT_EQ(load().port, 2);
    EXPECT_EQ(load().broker.token, "");
    write("here/config.toml", "port = 1");
    write("here/config.json", R"({"port": 0})");
    EXPECT_EQ(load().port, 0);
    EXPECT_EQ(load().file, (folder_ / "here/config.json").string());
}

TEST_F(BrokerConfig, ReadsAFileThatIsNamed) {
    write("here/config.json", R"({"port": 1})");
    write("other.properties", "port = 2");
    sources_.file = folder_ / "other.properties";
    EXPECT_EQ(load().port, 2);
    sources_.file = folder_ / "missing.toml";
    EXPECT_EQ(problem(), sources_.file + " cannot be read");
    sources_.file = folder_ / "here";
    EXPECT_EQ(problem(), sources_.file + " cannot be read") << "a folder";
}

TEST_F(BrokerConfig, AFileThatCannotBeReadIsNotPassedOver) {
    if (::geteuid() == 0) GTEST_SKIP() << "root can read everything";
    write("here/config.toml", "port = 1");
    std::filesystem::permissions(folder_ / "here/config.toml", std::filesystem::perms::none);
    write("home/config.toml", "port = 2");
    EXPECT_EQ(problem(), (folder_ / "here/config.toml").string() + " cannot be read");
}

TEST_F(BrokerConfig, APasswordBeforeAHostIsNotShown) {
    environment_ = {{"DSOCK_REDIS_HOST", "redis://user:hidden@redis.example"}};
    EXPECT_EQ(problem().find("hidden"), std::string::npos) << problem();
    EXPECT_NE(problem().find("redis_host cannot be what it is"), std::string::npos) << problem();
}

TEST_F(BrokerConfig, UnderstandsEveryOptionOfDsock) {
    environment_ = {{"DSOCK_REDIS_HOST", "redis.example:7000"},
                    {"DSOCK_REDIS_PASSWORD", "pw"},
                    {"DSOCK_REDIS_DB", "3"},
                    {"DSOCK_REDIS_TLS", "true"},
                    {"DSOCK_REDIS_MAX_RETRIES", "10"},
                    {"DSOCK_JWT_SECRET", "key"},
                    {"DSOCK_DEFAULT_CHANNELS", "a,b,a"},
                    {"DSOCK_DEBUG", "1"},
                    {"DSOCK_LOG_REQUESTS", "T"},
                    {"DSOCK_MESSAGING_METHOD", "direct"},
                    {"DSOCK_DIRECT_MESSAGE_HOSTNAME", "w1"},
                    {"DSOCK_DIRECT_MESSAGE_PORT", "81"},
                    {"DSOCK_TOKEN", "token"},
                    {"DSOCK_TTL_DURATION", "1m30s"},
                    {"DSOCK_ADDRESS", "127.0.0.1:9000"}};
    const auto config = load();
    ASSERT_TRUE(config.broker.redis.has_value());
    EXPECT_EQ(config.broker.redis->address, (redis::Address{"redis.example", 7000}));
    EXPECT_EQ(config.broker.redis->credentials.password, "pw");
    EXPECT_EQ(config.broker.redis->database, 3);
    EXPECT_TRUE(config.broker.redis->tls.has_value());
    EXPECT_EQ(config.broker.jwt_secret, "key");
    EXPECT_EQ(config.broker.default_channels, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(config.debug);
    EXPECT_TRUE(config.broker.log_requests);
    EXPECT_EQ(config.broker.messaging, Messaging::direct);
    EXPECT_EQ(config.broker.direct.hostname, "w1");
    EXPECT_EQ(config.broker.direct.port, 81);
    EXPECT_EQ(config.broker.ttl, 90s);
    EXPECT_EQ(config.host, "127.0.0.1");
    EXPECT_EQ(config.port, 9000);
    EXPECT_EQ(config.warnings, (std::vector<std::string>{"DSOCK_ADDRESS: address is old: use host and port",
                                                         "DSOCK_REDIS_MAX_RETRIES: redis_max_retries has no effect"}));
}

TEST_F(BrokerConfig, RolesApartHaveARedis) {
    environment_ = {{"DSOCK_ROLE", "worker"}};
    EXPECT_EQ(load().broker.redis->address, (redis::Address{"localhost", 6379}));
}

TEST_F(BrokerConfig, KnowsSentinelsAndClusters) {
    environment_ = {{"DSOCK_REDIS_HOST", "a:1, b"}, {"DSOCK_REDIS_MODE", "cluster"}};
    EXPECT_EQ(load().broker.redis->cluster->seeds, (std::vector<redis::Address>{{"a", 1}, {"b", 6379}}));
    environment_["DSOCK_REDIS_MODE"] = "sentinel";
    environment_["DSOCK_REDIS_MASTER"] = "main";
    EXPECT_EQ(load().broker.redis->sentinel->addresses.size(), 2u);
    EXPECT_EQ(load().broker.redis->sentinel->master_name, "main");
    environment_["DSOCK_REDIS_MODE"] = "single";
    EXPECT_EQ(problem(),
              "DSOCK_REDIS_HOST: redis_host cannot be \"a:1, b\", it must be one host:port with redis_mode single");
}

TEST_F(BrokerConfig, SaysWhereWhatIsWrong) {
    write("here/config.ini", "ttl_duration = 60\nrole = boss\n");
    environment_ = {{"PORT", "eighty"}, {"DSOCK_DEBUG", "yes"}};
    const auto file = (folder_ / "here/config.ini").string();
    EXPECT_EQ(problem(),
              file +
                  ": role cannot be \"boss\", it must be api, worker or both\n"
                  "PORT: port cannot be \"eighty\", it must be a whole number from 0 to 65535\n" +
                  file +
                  ": ttl_duration cannot be \"60\", it must be a duration with units, like 90s, 1m30s or 500ms\n"
                  "DSOCK_DEBUG: debug cannot be \"yes\", it must be true or false");
}

TEST_F(BrokerConfig, WarnsOfKeysWithoutEffect) {
    write("here/config.toml", "jwt_token = 'x'\ntoken = 't'\n");
    EXPECT_EQ(load().warnings, std::vector<std::string>{(folder_ / "here/config.toml").string() +
                                                        ": jwt_token is not an option, and has no effect"});
}

TEST_F(BrokerConfig, TellsOfASyntaxErrorWithTheFile) {
    write("here/config.json", "{");
    EXPECT_EQ(problem(), (folder_ / "here/config.json").string() + ": it is not valid JSON");
}

}  // namespace
}  // namespace cryo::broker
