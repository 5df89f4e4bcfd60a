#include <functional>
#include <string>

#include <gtest/gtest.h>

#include <cryo/redis/options.h>

namespace cryo::redis {
namespace {

using std::chrono::milliseconds;

std::string problems_of(const std::function<void(Options&)>& change) {
    Options options;
    change(options);
    const auto valid = options.validate();
    if (valid) return "";
    EXPECT_EQ(valid.error().code, Errc::invalid_option);
    return valid.error().message;
}

TEST(RedisOptions, DefaultsAreValid) { EXPECT_TRUE(Options().validate()); }

TEST(RedisOptions, NameWhatIsWrong) {
    EXPECT_EQ(problems_of([](Options& o) { o.address.host.clear(); }), "address has an empty host");
    EXPECT_EQ(problems_of([](Options& o) { o.address.port = 0; }), "address has port 0");
    EXPECT_EQ(problems_of([](Options& o) { o.credentials.username = "me"; }),
              "credentials has a username and no password");
    EXPECT_EQ(problems_of([](Options& o) { o.database = -1; }), "database (-1) must be from 0 to 65535");
    EXPECT_EQ(problems_of([](Options& o) { o.client_name = "a b"; }), "client_name 'a b' must not contain spaces");
    EXPECT_EQ(problems_of([](Options& o) { o.unix_path = std::string(108, 'x'); }),
              "unix_path is longer than 107 bytes");
    EXPECT_EQ(problems_of([](Options& o) { o.connect_timeout = milliseconds(0); }),
              "connect_timeout (0 ms) must be from 1 ms to 3600000 ms");
    EXPECT_EQ(problems_of([](Options& o) { o.retry_min = milliseconds(6000); }),
              "retry_min (6000 ms) must not be above retry_max (5000 ms)");
    EXPECT_EQ(problems_of([](Options& o) { o.max_pending_commands = 0; }),
              "max_pending_commands (0) must be at least 1");
    EXPECT_EQ(problems_of([](Options& o) { o.max_reply_bytes = 1; }),
              "max_reply_bytes (1) must be from 1024 to 536870912");
    EXPECT_EQ(problems_of([](Options& o) { o.tls = ClientTls{.certificate_file = "c"}; }),
              "tls.certificate_file and tls.key_file go together");
}

TEST(RedisOptions, NameAllThatIsWrongAtOnce) {
    EXPECT_EQ(problems_of([](Options& o) {
                  o.max_pending_bytes = 0;
                  o.max_reply_elements = 0;
              }),
              "max_pending_bytes (0) must be at least 1\nmax_reply_elements (0) must be at least 1");
}

TEST(RedisOptions, CheckSentinels) {
    EXPECT_EQ(problems_of([](Options& o) {
                  o.sentinel = SentinelOptions{.addresses = {{"a", 1}}, .master_name = "m"};
              }),
              "");
    EXPECT_EQ(problems_of([](Options& o) { o.sentinel = SentinelOptions{}; }),
              "sentinel.addresses.size() (0) must be from 1 to 32\nsentinel.master_name is empty");
    EXPECT_EQ(problems_of([](Options& o) {
                  o.sentinel = SentinelOptions{.addresses = {{"", 0}}, .master_name = "m"};
              }),
              "sentinel.addresses has an empty host\nsentinel.addresses has port 0");
}

TEST(RedisOptions, CheckClusters) {
    EXPECT_EQ(problems_of([](Options& o) { o.cluster = ClusterOptions{.seeds = {{"a", 1}}}; }), "");
    EXPECT_EQ(problems_of([](Options& o) { o.cluster = ClusterOptions{}; }),
              "cluster.seeds.size() (0) must be from 1 to 32");
    EXPECT_EQ(problems_of([](Options& o) {
                  o.cluster = ClusterOptions{.seeds = {{"a", 1}}};
                  o.database = 1;
              }),
              "database (1) must be 0 in a cluster");
    EXPECT_EQ(problems_of([](Options& o) {
                  o.cluster = ClusterOptions{.seeds = {{"a", 1}}};
                  o.unix_path = "/run/redis";
              }),
              "only one of unix_path, sentinel and cluster may be set");
}

}  // namespace
}  // namespace cryo::redis
