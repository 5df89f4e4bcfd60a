#include "generator/server_process.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace load {

ServerProcess::ServerProcess(std::uint32_t pid) : pid_(pid) {
    if (clock_getcpuclockid(static_cast<pid_t>(pid), &cpu_clock_) != 0) fail("CPU time");
}

std::chrono::nanoseconds ServerProcess::cpu() const {
    timespec time{};
    if (clock_gettime(cpu_clock_, &time) != 0) fail("CPU time");
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::uint64_t ServerProcess::resident_bytes() const {
    std::ifstream maps("/proc/" + std::to_string(pid_) + "/smaps_rollup");
    for (std::string line; std::getline(maps, line);) {
        if (line.starts_with("Rss:")) return std::stoull(line.substr(4)) << 10;
    }
    fail("memory");
}

std::uint64_t ServerProcess::open_files() const {
    std::error_code error;
    std::uint64_t count = 0;
    for (std::filesystem::directory_iterator file("/proc/" + std::to_string(pid_) + "/fd", error), end;
         !error && file != end; file.increment(error)) {
        ++count;
    }
    if (error) fail("open files");
    return count;
}

void ServerProcess::fail(const std::string& what) const {
    throw std::runtime_error("cannot read the " + what + " of process " + std::to_string(pid_) +
                             ": it is gone, or somebody else's");
}

}  // namespace load
