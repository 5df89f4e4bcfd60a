// What a client promises of time, whatever kind of Redis it is for; here there is none.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/redis/client.h>

#include "support/manual_loop.h"

namespace cryo::redis {
namespace {

using std::chrono::milliseconds;

struct Kind {
    std::string name;
    Options options;

    friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

std::vector<Kind> all_kinds() {
    const std::vector<Address> nowhere{{.host = "127.0.0.1", .port = 1}, {.host = "127.0.0.2", .port = 1}};
    Options single, sentinel, cluster;
    single.unix_path = "/nonexistent/socket";
    sentinel.sentinel = SentinelOptions{.addresses = nowhere, .master_name = "main"};
    cluster.cluster = ClusterOptions{.seeds = nowhere};
    return {{"single", single}, {"sentinel", sentinel}, {"cluster", cluster}};
}

class RedisClientTime : public ::testing::TestWithParam<Kind> {
protected:
    /// The client stops on its loop.
    void TearDown() override {
        client.reset();
        loop->run();
        loop->end();
    }

    struct Sent {
        Loop::Clock::time_point at;
        std::optional<Errc> error{};
        std::optional<Loop::Clock::time_point> ended{};

        milliseconds took() const { return std::chrono::duration_cast<milliseconds>(*ended - at); }
    };

    std::shared_ptr<Sent> send(milliseconds timeout = {}) {
        auto sent = std::make_shared<Sent>(Sent{.at = loop->now()});
        client->command({"GET", "k"}, {.timeout = timeout}, [sent, this](Result<Reply> reply) {
            EXPECT_FALSE(sent->ended) << "once";
            sent->ended = loop->now();
            if (!reply) sent->error = reply.error().code;
        });
        return sent;
    }

    std::shared_ptr<test::ManualLoop> loop = std::make_shared<test::ManualLoop>();
    std::unique_ptr<Client> client = Client::create(loop, GetParam().options).value();
};

TEST_P(RedisClientTime, EveryCommandEndsWhenItsTimeIsOver) {
    const auto usual = send(), soon = send(milliseconds(100)), late = send(milliseconds(60'000));
    loop->advance(milliseconds(1000));
    const auto second = send(milliseconds(500));
    loop->advance(std::chrono::minutes(2));
    for (const auto& sent : {usual, soon, late, second}) {
        ASSERT_TRUE(sent->ended);
        EXPECT_EQ(sent->error, Errc::unavailable);
    }
    EXPECT_EQ(usual->took(), GetParam().options.command_timeout);
    EXPECT_EQ(soon->took(), milliseconds(100));
    EXPECT_EQ(late->took(), milliseconds(60'000));
    EXPECT_EQ(second->took(), milliseconds(500));
    EXPECT_EQ(client->stats().pending, 0u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, RedisClientTime, ::testing::ValuesIn(all_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace cryo::redis
