#pragma once

#include <cstddef>
#include <string>

namespace soak {

/// What /proc tells of the server.
class ServerProcess {
public:
    explicit ServerProcess(unsigned pid);

    bool is_running() const;
    /// Resident memory in KiB; 0: it has ended.
    std::size_t resident_kib() const;
    std::size_t open_files() const;

private:
    std::string directory_;
};

}  // namespace soak
