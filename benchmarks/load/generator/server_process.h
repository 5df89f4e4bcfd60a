#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

namespace load {

/// Another process as the system accounts it. Every question throws when it is gone.
class ServerProcess {
public:
    explicit ServerProcess(std::uint32_t pid);

    /// CPU time of all its threads, ended ones included.
    std::chrono::nanoseconds cpu() const;
    /// Exact, unlike /proc/PID/statm, whose counters lag behind by some pages a core.
    std::uint64_t resident_bytes() const;
    std::uint64_t open_files() const;

private:
    [[noreturn]] void fail(const std::string& what) const;

    std::uint32_t pid_;
    clockid_t cpu_clock_{};
};

}  // namespace load
