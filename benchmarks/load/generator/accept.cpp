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

class AcceptListener final : public Listener {
public:
    void on_open(Connection& connection) override { opened_.push_back(&connection); }
    std::size_t on_messages(Connection&, std::size_t, Clock::time_point) override { return 0; }

    std::vector<Connection*>& opened() noexcept { return opened_; }

private:
    std::vector<Connection*> opened_;
};

}  // namespace

void run_accept(const LoadOptions& options, Report& report) {
    const ServerProcess server(options.server_pid);
    AcceptListener listener;
    LoadOptions pending = options;
    pending.connections = options.depth;
    ConnectionPool pool(pending, listener);
    for (std::size_t i = 0; i < pool.size(); ++i) pool[i].open();

    std::uint64_t accepted = 0;
    const auto run_for = [&](Clock::duration duration) {
        const auto replace_opened = [&, end = Clock::now() + duration] {
            accepted += listener.opened().size();
            for (auto* const connection : listener.opened()) {
                connection->reset();
                connection->open();
            }
            listener.opened().clear();
            return Clock::now() >= end;
        };
        pool.run_until(replace_opened, "accepting connections");
    };
    run_for(options.warmup_duration());
    const std::uint64_t before = accepted;
    const Window window(server);
    run_for(options.duration());
    report.add("depth", options.depth);
    window.report(report, accepted - before);
}

}  // namespace load
