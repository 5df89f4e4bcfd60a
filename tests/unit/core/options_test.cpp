#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include <cryo/options.h>

namespace cryo {
namespace {

using namespace std::chrono_literals;

std::string problem_with(const std::function<void(ServerOptions&)>& change) {
    ServerOptions options;
    change(options);
    const auto result = options.validate();
    if (result) return {};
    EXPECT_EQ(result.error().code, Errc::invalid_option);
    return result.error().message;
}

TEST(ServerOptions, DefaultsAreValid) { EXPECT_TRUE(ServerOptions().validate()); }

TEST(ServerOptions, NamesTheOptionAndTheValue) {
    EXPECT_EQ(problem_with([](auto& o) { o.host = ""; }), "host is empty");
    EXPECT_EQ(problem_with([](auto& o) { o.threads = 5000; }), "threads (5000) must be from 0 to 1024");
    EXPECT_EQ(problem_with([](auto& o) { o.spin = std::chrono::seconds(1); }),
              "spin (1000000 us) must be from 0 us to 10000 us");
    EXPECT_EQ(problem_with([](auto& o) { o.keepalive_interval = 0ms; }),
              "keepalive_interval (0 ms) must be from 1 ms to 86400000 ms");
    EXPECT_EQ(problem_with([](auto& o) { o.drain_timeout = -1ms; }),
              "drain_timeout (-1 ms) must be from 0 ms to 86400000 ms");
    EXPECT_EQ(problem_with([](auto& o) { o.max_message_bytes = 0; }),
              "max_message_bytes (0) must be from 1 to 1073741824");
    EXPECT_EQ(problem_with([](auto& o) { o.max_sessions = 0; }), "max_sessions (0) must be at least 1");
    EXPECT_EQ(problem_with([](auto& o) { o.max_connections = 10; }),
              "max_connections (10) must not be below max_sessions (100000)");
    EXPECT_EQ(problem_with([](auto& o) {
                  o.backpressure.low_water_mark = 2u << 20;
                  o.backpressure.high_water_mark = 1u << 20;
              }),
              "backpressure.low_water_mark (2097152) must not be above backpressure.high_water_mark (1048576)");
    EXPECT_EQ(problem_with([](auto& o) { o.backpressure.max_control_bytes = 10; }),
              "backpressure.max_control_bytes (10) must be at least 1024");
    EXPECT_EQ(problem_with([](auto& o) { o.deflate.max_window_bits = 8; }),
              "deflate.max_window_bits (8) must be from 9 to 15");
    EXPECT_EQ(problem_with([](auto& o) { o.http.max_headers = 0; }), "http.max_headers (0) must be at least 1");
    EXPECT_EQ(problem_with([](auto& o) { o.tls = TlsOptions{.certificate_file = "c.pem"}; }),
              "tls.key_file is missing");
}

TEST(ServerOptions, ChecksTheReplyTimeout) {
    ServerOptions options;
    options.reply_timeout = std::chrono::milliseconds(-5);
    const auto result = options.validate();
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("reply_timeout"), std::string::npos);
}

TEST(ServerOptions, ChecksTheSyntaxOfLists) {
    EXPECT_EQ(problem_with([](auto& o) { o.allowed_origins = {"https://example.com", "http://localhost:3000"}; }), "");
    for (const char* origin : {"example.com", "https://", "://x", "https://example.com/", "https://a b"}) {
        EXPECT_EQ(problem_with([&](auto& o) { o.allowed_origins = {origin}; }),
                  "allowed_origins: '" + std::string(origin) + "' is not scheme://host[:port]");
    }
    EXPECT_EQ(problem_with([](auto& o) { o.trusted_proxies = {"10.0.0.0/8", "::1", "192.0.2.1"}; }), "");
    EXPECT_EQ(problem_with([](auto& o) {
                  o.trusted_proxies = {"10.0.0.0/8", "10.0.0.0/33"};
              }),
              "trusted_proxies: '10.0.0.0/33' is neither an address nor a CIDR block");
}

TEST(ServerOptions, ReportsEveryProblemAtOnceOneALine) {
    const std::string problems = problem_with([](auto& o) {
        o.host = "";
        o.ack_timeout = 0ms;
        o.deflate.level = 0;
        o.trusted_proxies = {"nonsense"};
    });
    EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 3);
    for (const char* name : {"host", "ack_timeout", "deflate.level", "trusted_proxies"}) {
        EXPECT_NE(problems.find(name), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace cryo
