#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "soak/client_session.h"
#include "soak/context.h"

namespace soak {

/// One round: all clients, from the first connect to the last close, on one epoll loop.
class Load {
public:
    Load(const Target& target, std::size_t clients, Statistics& statistics);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// `every_second` says whether to go on.
    void run(std::chrono::seconds time, const std::function<bool()>& every_second);
    std::size_t open_sessions() const;

private:
    void turn();
    bool all_idle() const;

    const int epoll_;
    Context context_;
    std::vector<std::unique_ptr<ClientSession>> clients_;
    Instant next_tick_;
};

}  // namespace soak
