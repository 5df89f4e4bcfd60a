#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "soak/payloads.h"
#include "soak/random.h"
#include "soak/statistics.h"

namespace soak {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

struct Target {
    std::uint16_t port = 0;
    std::string token;
};

/// What all clients of a round share.
struct Context {
    const Target& target;
    Statistics& statistics;
    int epoll;
    Random random;
    Payloads payloads;
    std::vector<std::byte> read_buffer;
    Instant now;
    bool finishing = false;      ///< Nothing opens any more.
    unsigned openings_left = 0;  ///< Until the next tick.
};

}  // namespace soak
