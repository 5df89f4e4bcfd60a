#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "generator/connection_pool.h"
#include "generator/histogram.h"
#include "generator/scenario.h"
#include "generator/server_process.h"
#include "generator/window.h"

namespace load {
namespace {

/// When each message of an open loop is due, however late the ones before it are. They go to the connections in turn.
class Schedule {
public:
    explicit Schedule(const LoadOptions& options) : rate_(options.rate), connections_(options.connections) {}

    void start() { start_ = Clock::now(); }

    Clock::time_point due(std::uint64_t message) const {
        return start_ + std::chrono::nanoseconds(message * 1'000'000'000 / rate_);
    }
    std::size_t connection_of(std::uint64_t message) const { return message % connections_; }
    /// The number of the message that is the `nth` of a connection.
    std::uint64_t message(std::size_t connection, std::uint64_t nth) const { return nth * connections_ + connection; }

private:
    std::uint64_t rate_;
    std::uint64_t connections_;
    Clock::time_point start_{};
};

/// Echoes come back in order, so that the how-manieth it is tells when it was due.
class RateListener final : public Listener {
public:
    RateListener(const LoadOptions& options, const Schedule& schedule)
        : schedule_(schedule),
          first_measured_(std::uint64_t{options.rate} * options.warmup_ms / 1000),
          received_of_(options.connections) {}

    std::size_t on_messages(Connection& connection, std::size_t count, Clock::time_point now) override {
        auto& received = received_of_[connection.index()];
        for (std::size_t i = 0; i < count; ++i) {
            const auto message = schedule_.message(connection.index(), received++);
            if (message >= first_measured_) latency_.record(now - schedule_.due(message));
        }
        received_ += count;
        return 0;
    }

    std::uint64_t first_measured() const noexcept { return first_measured_; }
    std::uint64_t received() const noexcept { return received_; }
    const Histogram& latency() const noexcept { return latency_; }

private:
    const Schedule& schedule_;
    const std::uint64_t first_measured_;
    std::vector<std::uint64_t> received_of_;
    std::uint64_t received_ = 0;
    Histogram latency_;
};

}  // namespace

void run_rate(const LoadOptions& options, Report& report) {
    const ServerProcess server(options.server_pid);
    Schedule schedule(options);
    RateListener listener(options, schedule);
    ConnectionPool pool(options, listener);
    pool.open_all();

    schedule.start();
    std::uint64_t sent = 0;
    const auto send_until = [&](std::uint64_t end) {
        const auto send_due = [&] {
            const auto now = Clock::now();
            for (; sent < end && schedule.due(sent) <= now; ++sent) {
                pool[schedule.connection_of(sent)].send_messages(1);
            }
            return sent == end;
        };
        pool.run_until(send_due, "sending at a rate", ConnectionPool::Waiting::busy);
    };
    send_until(listener.first_measured());
    const Window window(server);
    const std::uint64_t total = listener.first_measured() + std::uint64_t{options.rate} * options.seconds;
    send_until(total);
    const auto all_received = [&] { return listener.received() == total; };
    pool.run_until(all_received, "waiting for the last messages", ConnectionPool::Waiting::busy);

    report.add("rate", options.rate);
    window.report(report, total - listener.first_measured());
    const auto& latency = listener.latency();
    report.add("p50_us", latency.percentile_us(0.5));
    report.add("p90_us", latency.percentile_us(0.9));
    report.add("p99_us", latency.percentile_us(0.99));
    report.add("p999_us", latency.percentile_us(0.999));
    report.add("max_us", latency.max_us());
}

}  // namespace load
