#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "generator/connection_pool.h"
#include "generator/scenario.h"
#include "generator/server_process.h"
#include "generator/window.h"

namespace load {
namespace {

/// Counts who has received which of the messages in flight.
class BroadcastListener final : public Listener {
public:
    explicit BroadcastListener(const LoadOptions& options)
        : received_of_(options.connections), receivers_of_(options.depth) {}

    std::size_t on_messages(Connection& connection, std::size_t count, Clock::time_point) override {
        auto& received = received_of_[connection.index()];
        for (std::size_t i = 0; i < count; ++i) {
            auto& receivers = receivers_of_[received++ % receivers_of_.size()];
            if (++receivers < received_of_.size()) continue;
            receivers = 0;
            ++complete_;
        }
        deliveries_ += count;
        return 0;
    }

    /// Messages that all have, since the last time.
    std::size_t take_complete() noexcept { return std::exchange(complete_, 0); }
    std::uint64_t deliveries() const noexcept { return deliveries_; }

private:
    std::vector<std::uint64_t> received_of_;
    std::vector<std::size_t> receivers_of_;
    std::size_t complete_ = 0;
    std::uint64_t deliveries_ = 0;
};

}  // namespace

void run_broadcast(const LoadOptions& options, Report& report) {
    const ServerProcess server(options.server_pid);
    BroadcastListener listener(options);
    ConnectionPool pool(options, listener);
    pool.open_all();
    Connection& sender = pool[0];
    sender.send_messages(options.depth);

    const auto run_for = [&](Clock::duration duration) {
        const auto keep_sending = [&, end = Clock::now() + duration] {
            sender.send_messages(listener.take_complete());
            return Clock::now() >= end;
        };
        pool.run_until(keep_sending, "broadcasting");
    };
    run_for(options.warmup_duration());
    const std::uint64_t before = listener.deliveries();
    const Window window(server);
    run_for(options.duration());
    report.add("depth", options.depth);
    window.report(report, listener.deliveries() - before);
}

}  // namespace load
