#pragma once

#include <atomic>
#include <cstdint>

namespace cryo::broker {

/// What `BrokerStats` tells of, counted on all threads.
struct Counters {
    std::atomic<std::uint64_t> connections{0}, admitted{0}, refused{0};
    std::atomic<std::uint64_t> requests{0}, unauthorized{0}, failed_requests{0};
    std::atomic<std::uint64_t> received_parcels{0}, refused_parcels{0};
    std::atomic<std::uint64_t> client_messages{0}, webhook_delivered{0}, webhook_dropped{0};
    std::atomic<bool> redis_ready{false};
};

inline void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace cryo::broker
