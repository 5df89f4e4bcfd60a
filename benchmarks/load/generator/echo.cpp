#include <cstddef>
#include <cstdint>
#include <vector>

#include "generator/connection_pool.h"
#include "generator/histogram.h"
#include "generator/scenario.h"
#include "generator/server_process.h"
#include "generator/window.h"

namespace load {
namespace {

/// Sends back as many as come. Of each connection one message at a time is timed.
class EchoListener final : public Listener {
public:
    explicit EchoListener(const LoadOptions& options) : depth_(options.depth), timed_(options.connections) {}

    void start(Connection& connection) {
        timed_[connection.index()] = {Clock::now(), 1};
        connection.send_messages(depth_);
    }

    std::size_t on_messages(Connection& connection, std::size_t count, Clock::time_point now) override {
        messages_ += count;
        auto& timed = timed_[connection.index()];
        if (count < timed.awaited) {
            timed.awaited -= count;
        } else {
            latency_.record(now - timed.sent_at);
            // The next is the first of those that leave now, behind those that are on their way.
            timed = {now, depth_ - count + 1};
        }
        return count;
    }

    std::uint64_t messages() const noexcept { return messages_; }
    Histogram& latency() noexcept { return latency_; }

private:
    struct Timed {
        Clock::time_point sent_at{};
        std::size_t awaited = 0;  // messages to come, with this one
    };

    const std::size_t depth_;
    std::vector<Timed> timed_;
    std::uint64_t messages_ = 0;
    Histogram latency_;
};

}  // namespace

void run_echo(const LoadOptions& options, Report& report) {
    const ServerProcess server(options.server_pid);
    EchoListener listener(options);
    ConnectionPool pool(options, listener);
    pool.open_all();
    for (std::size_t i = 0; i < pool.size(); ++i) listener.start(pool[i]);

    const auto run_for = [&](Clock::duration duration) {
        pool.run_until([end = Clock::now() + duration] { return Clock::now() >= end; }, "echoing");
    };
    run_for(options.warmup_duration());
    listener.latency() = {};
    const std::uint64_t before = listener.messages();
    const Window window(server);
    run_for(options.duration());
    report.add("depth", options.depth);
    window.report(report, listener.messages() - before);
    report.add("p50_us", listener.latency().percentile_us(0.5));
    report.add("p99_us", listener.latency().percentile_us(0.99));
}

}  // namespace load
