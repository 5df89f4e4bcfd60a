#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <cryo/cluster/node_bus.h>
#include <cryo/loop.h>

#include "bus_shared.h"

namespace cryo::cluster {

/// The questions of this node that wait for answers. Each ends once: all have answered or cannot any more, or the
/// deadline has come. `done` is called by way of the loop, never from within a call.
class Asks {
public:
    struct Limits {
        std::size_t asks = 0;
        std::size_t answer_bytes = 0;  ///< Of one ask.
    };

    Asks(Limits limits, Counter& pending, Counter& timed_out)
        : limits_(limits), pending_count_(pending), timed_out_(timed_out) {}

    void start(LoopPtr loop, std::uint64_t first_number);
    bool full() const noexcept { return pending_.size() >= limits_.asks; }

    /// A new ask; its number goes with the question. `started.missing` is what is known to be missing already.
    /// @param open everybody was asked: answers of nodes that were not waited for count as well
    std::uint64_t begin(std::vector<NodeId> waiting, bool open, Answers started, UniqueFunction<void(Answers)> done);
    /// After the question was sent: begins to wait, or ends when there is nobody to wait for.
    void arm(std::uint64_t number, std::chrono::milliseconds timeout);
    void end_now(Answers answers, UniqueFunction<void(Answers)> done);

    void answered(std::uint64_t number, const NodeId& node, Bytes payload);
    void missing(std::uint64_t number, const NodeId& node, Answers::Why why);
    /// The node will answer nothing any more.
    void gone(const NodeId& node);
    /// The bus stops: what there is has to do.
    void end_all();

private:
    struct Pending {
        std::vector<NodeId> waiting{};
        bool open = false;
        std::size_t bytes = 0;
        Answers answers{};
        UniqueFunction<void(Answers)> done{};
        std::unique_ptr<LoopTimer> deadline{};
    };
    using Entry = std::unordered_map<std::uint64_t, Pending>::iterator;

    void drop(Pending& pending, const NodeId& node, Answers::Why why);
    void finish_if_complete(Entry entry);
    void finish(Entry entry, Answers::Why why);

    Limits limits_;
    Counter& pending_count_;
    Counter& timed_out_;
    LoopPtr loop_{};
    std::uint64_t next_number_ = 1;
    std::unordered_map<std::uint64_t, Pending> pending_;
};

}  // namespace cryo::cluster
