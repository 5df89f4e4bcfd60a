#include "generator/window.h"

#include <algorithm>
#include <ctime>

namespace load {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

std::chrono::nanoseconds own_cpu() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Window::Window(const ServerProcess& server)
    : server_(server), began_(Clock::now()), server_cpu_(server.cpu()), own_cpu_(own_cpu()) {}

double Window::seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

double Window::server_cpu_us() const { return Microseconds(server_.cpu() - server_cpu_).count(); }

void Window::report(Report& report, std::uint64_t messages) const {
    const double server_us = server_cpu_us();
    const double load_us = Microseconds(own_cpu() - own_cpu_).count();
    const double elapsed = seconds();
    const auto divisor = static_cast<double>(std::max<std::uint64_t>(messages, 1));
    report.add("messages", messages);
    report.add("seconds", elapsed);
    report.add("per_second", static_cast<double>(messages) / elapsed);
    report.add("server_cpu_us_per_message", server_us / divisor);
    report.add("load_cpu_us_per_message", load_us / divisor);
    report.add("server_utilisation", server_us / (elapsed * 1e6));
}

}  // namespace load
