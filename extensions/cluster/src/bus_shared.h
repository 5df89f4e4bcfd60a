#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include <cryo/cluster/counter.h>
#include <cryo/cluster/node_bus.h>

namespace cryo::cluster {

/// What a bus, its ports and answers under way share, and what other threads may look at. Outlives the bus while any of
/// them does.
struct BusShared {
    BusShared(std::size_t waiting_limit, NodeId id) : max_waiting_bytes(waiting_limit), self_(std::move(id)) {}

    struct Counters {
        Counter nodes, topics, asks;
        Counter sent, dropped, too_large, received, duplicates, gaps, dead_epochs, malformed, refused_nodes,
            refused_topics;
        Counter unknown_ports, outages, epochs, timed_out_asks, hop_microseconds;
    };

    /// Whether `loop` is there. It never changes afterwards.
    bool started() const noexcept { return started_.load(std::memory_order_acquire); }
    void start(LoopPtr on) {
        loop = std::move(on);
        started_.store(true, std::memory_order_release);
    }
    bool in_loop_thread() const noexcept { return started() && loop->in_loop_thread(); }

    /// Accounts for what other threads hand over; false when too much waits already.
    bool begin_wait(std::size_t bytes) noexcept {
        if (waiting_bytes_.fetch_add(bytes) + bytes <= max_waiting_bytes) return true;
        waiting_bytes_.fetch_sub(bytes);
        return false;
    }
    void end_wait(std::size_t bytes) noexcept { waiting_bytes_.fetch_sub(bytes); }

    NodeId self() const {
        const std::lock_guard lock(mutex_);
        return self_;
    }
    void set_self(NodeId id) {
        const std::lock_guard lock(mutex_);
        self_ = std::move(id);
    }
    std::vector<NodeId> members() const {
        const std::lock_guard lock(mutex_);
        return members_;
    }
    void set_members(std::vector<NodeId> members) {
        counters.nodes.set(members.size());
        const std::lock_guard lock(mutex_);
        members_.swap(members);
    }

    LoopPtr loop{};
    std::atomic<Health> health{Health::stopped};
    /// Of a publication, a message, a question or an answer, beside its envelope.
    std::atomic<std::size_t> max_payload{0};
    Counters counters{};
    const std::size_t max_waiting_bytes;

private:
    std::atomic<bool> started_{false};
    std::atomic<std::size_t> waiting_bytes_{0};
    mutable std::mutex mutex_;
    NodeId self_;
    std::vector<NodeId> members_{};
};

}  // namespace cryo::cluster
