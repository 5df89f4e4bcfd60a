#pragma once

#include <chrono>
#include <cstdint>

#include "generator/report.h"
#include "generator/server_process.h"

namespace load {

using Clock = std::chrono::steady_clock;

/// What a stretch of time costs the server and this process.
class Window {
public:
    explicit Window(const ServerProcess& server);

    double seconds() const;
    double server_cpu_us() const;

    /// The window ends here, after so many messages.
    void report(Report& report, std::uint64_t messages) const;

private:
    const ServerProcess& server_;
    Clock::time_point began_;
    std::chrono::nanoseconds server_cpu_;
    std::chrono::nanoseconds own_cpu_;
};

}  // namespace load
