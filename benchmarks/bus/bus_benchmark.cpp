// What a hop from node to node costs: through a real server on the loopback, against the memory of one process.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cryo/cluster/local_pub_sub.h>

#include "bus/node.h"

#ifdef CRYO_BENCH_NATS
#include <cryo/nats/pub_sub.h>

#include "support/nats_server.h"
#endif
#ifdef CRYO_BENCH_REDIS
#include <cryo/redis/pub_sub.h>

#include "support/redis_server.h"
#endif

namespace bench {
namespace {

constexpr int kRounds = 7;
constexpr int kMessages = 2000;  ///< One at a time, each round.
constexpr int kBurst = 20'000;   ///< As fast as it goes, each round, a few at a time.
constexpr int kBurstStep = 500;
constexpr std::size_t kBytes = 100;

/// Two nodes joined by one backend.
struct Lane {
    using Connect = std::function<std::unique_ptr<cryo::cluster::IPubSub>()>;

    Lane(std::string lane_name, const Connect& connect)
        : name(std::move(lane_name)),
          from(std::make_unique<Node>("from", connect())),
          to(std::make_unique<Node>("to", connect())) {
        to->subscribe("t");
    }

    std::string name;
    std::unique_ptr<Node> from, to;
    std::vector<double> medians{}, tails{}, rates{};
};

double at(const std::vector<std::int64_t>& sorted, double part) {
    return static_cast<double>(sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))]) / 1000;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

bool wait_for(const Node& node, std::size_t count) {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (node.arrived() < count) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return true;
}

void measure_latency(Lane& lane) {
    for (int i = 0; i < kMessages; ++i) {
        lane.from->publish("t", kBytes);
        if (!wait_for(*lane.to, static_cast<std::size_t>(i) + 1)) throw std::runtime_error("a message was lost");
    }
    auto latencies = lane.to->take_latencies();
    std::sort(latencies.begin(), latencies.end());
    lane.medians.push_back(at(latencies, 0.5));
    lane.tails.push_back(at(latencies, 0.99));
}

void measure_rate(Lane& lane) {
    const auto began = Clock::now();
    for (int sent = 0; sent < kBurst; sent += kBurstStep) {
        lane.from->publish("t", kBytes, kBurstStep);
        // As many on their way as a busy node has, not as many as there are.
        const auto floor = std::max(0, sent - 4 * kBurstStep);
        if (!wait_for(*lane.to, static_cast<std::size_t>(floor))) throw std::runtime_error("messages were lost");
    }
    if (!wait_for(*lane.to, kBurst)) throw std::runtime_error("messages were lost");
    const std::chrono::duration<double> took = Clock::now() - began;
    lane.to->take_latencies();
    lane.rates.push_back(kBurst / took.count());
}

void report(const std::vector<std::unique_ptr<Lane>>& lanes) {
    const auto base = median(lanes.front()->medians);
    std::printf("%-10s %12s %12s %14s %14s\n", "backend", "median us", "p99 us", "added median", "messages/s");
    for (const auto& lane : lanes) {
        std::printf("%-10s %12.1f %12.1f %14.1f %14.0f\n", lane->name.c_str(), median(lane->medians),
                    median(lane->tails), median(lane->medians) - base, median(lane->rates));
    }
    std::printf(
        "One hop of %zu bytes, from publish on one loop to the handler on another. Medians of %d rounds of %d "
        "messages, one at a time; rate with bursts of %d.\n",
        kBytes, kRounds, kMessages, kBurstStep);
}

int run() {
    const auto broker = cryo::cluster::LocalBroker::create();
    std::vector<std::unique_ptr<Lane>> lanes;
    lanes.push_back(std::make_unique<Lane>("in-process", [&] { return broker->connect(); }));
#ifdef CRYO_BENCH_REDIS
    const cryo::test::RedisServer redis_server;
    lanes.push_back(std::make_unique<Lane>("redis", [&] {
        cryo::redis::Options options;
        options.address = {.host = "127.0.0.1", .port = redis_server.port()};
        return std::move(cryo::redis::make_pub_sub(std::move(options))).value();
    }));
#endif
#ifdef CRYO_BENCH_NATS
    const cryo::test::NatsServer nats_server;
    lanes.push_back(std::make_unique<Lane>("nats", [&] {
        cryo::nats::Options options;
        options.servers = {nats_server.url()};
        return std::move(cryo::nats::make_pub_sub(std::move(options))).value();
    }));
#endif
    for (int round = -1; round < kRounds; ++round) {
        for (const auto& lane : lanes) {
            measure_latency(*lane);
            measure_rate(*lane);
            if (round >= 0) continue;
            for (auto* values : {&lane->medians, &lane->tails, &lane->rates}) values->clear();  // warm now
        }
    }
    report(lanes);
    return 0;
}

}  // namespace
}  // namespace bench

int main() {
    try {
        return bench::run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bus_benchmark: %s\n", error.what());
        return 1;
    }
}
