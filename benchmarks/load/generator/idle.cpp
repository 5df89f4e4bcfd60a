#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "generator/connection_pool.h"
#include "generator/scenario.h"
#include "generator/server_process.h"
#include "generator/window.h"

namespace load {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuiet = 400ms;  // for what a server does a little later
constexpr auto kBetweenLooks = 5ms;
constexpr double kMaxDisconnectSeconds = 30;

class IdleListener final : public Listener {
public:
    std::size_t on_messages(Connection&, std::size_t count, Clock::time_point) override {
        received_ += count;
        return 0;
    }

    std::uint64_t received() const noexcept { return received_; }

private:
    std::uint64_t received_ = 0;
};

void echo_once(ConnectionPool& pool, const IdleListener& listener) {
    for (std::size_t i = 0; i < pool.size(); ++i) pool[i].send_messages(1);
    pool.run_until([&] { return listener.received() == pool.size(); }, "echoing once");
}

void await_disconnects(const ServerProcess& server, std::uint64_t open_files, const Window& window) {
    while (server.open_files() > open_files) {
        if (window.seconds() > kMaxDisconnectSeconds) throw std::runtime_error("the server keeps connections open");
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace

void run_idle(const LoadOptions& options, Report& report) {
    const ServerProcess server(options.server_pid);
    IdleListener listener;
    ConnectionPool pool(options, listener);
    const auto connections = static_cast<double>(pool.size());
    const std::uint64_t open_files = server.open_files();
    const auto resident_before = static_cast<double>(server.resident_bytes());
    const auto resident_per_connection = [&] {
        return (static_cast<double>(server.resident_bytes()) - resident_before) / connections;
    };

    const Window connecting(server);
    pool.open_all();
    pool.idle_for(kQuiet);
    report.add("connect_cpu_us", connecting.server_cpu_us() / connections);
    report.add("rss_bytes_per_connection", resident_per_connection());

    echo_once(pool, listener);
    pool.idle_for(kQuiet);
    report.add("rss_bytes_per_connection_after_traffic", resident_per_connection());

    const Window disconnecting(server);
    pool.reset_all();
    await_disconnects(server, open_files, disconnecting);
    report.add("disconnect_seconds", disconnecting.seconds());
    report.add("disconnect_cpu_us", disconnecting.server_cpu_us() / connections);
}

}  // namespace load
