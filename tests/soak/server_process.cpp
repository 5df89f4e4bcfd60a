#include "soak/server_process.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace soak {

ServerProcess::ServerProcess(unsigned pid) : directory_("/proc/" + std::to_string(pid)) {}

bool ServerProcess::is_running() const { return resident_kib() != 0; }

std::size_t ServerProcess::resident_kib() const {
    std::ifstream status(directory_ + "/status");
    for (std::string field; status >> field; status.ignore(1024, '\n')) {
        std::size_t kib = 0;
        if (field == "VmRSS:" && status >> kib) return kib;
    }
    return 0;
}

std::size_t ServerProcess::open_files() const {
    std::error_code error;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator file(directory_ + "/fd", error), end; !error && file != end;
         file.increment(error)) {
        ++count;
    }
    return count;
}

}  // namespace soak
