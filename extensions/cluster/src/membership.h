#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <cryo/cluster/node_bus.h>
#include <cryo/loop.h>

namespace cryo::cluster {

/// The other nodes: which live, and which lives are over. No I/O, time is handed in.
///
/// A life that is over stays so for as long as it is remembered: its messages are refused. While a name is alive only a
/// later epoch can take its place; afterwards any that has not died yet.
class Membership {
public:
    using Time = Loop::Clock::time_point;

    struct Node {
        NodeId id{};
        std::uint32_t life = 0;  ///< A number of this life, for `ReceiveSequence`.
        bool alive = false;
        Time heard{};                       ///< Or, not alive: since when.
        Time obituary_sent{};               ///< Kept by the user of this class.
        std::vector<std::uint64_t> dead{};  ///< Epochs, the latest last.
    };

    enum class Verdict {
        known,
        joined,    ///< Alive from now on.
        replaced,  ///< The same, and the life before is over.
        dead,      ///< Refused: this life is over.
        full,      ///< Refused: too many nodes.
    };
    struct Heard {
        Verdict verdict{};
        Node* node = nullptr;  ///< Null when full. Valid until the next call.
        NodeId before{};       ///< The one replaced.
    };

    explicit Membership(std::size_t max_nodes) : max_nodes_(max_nodes) {}

    /// Something came from this node.
    Heard heard(std::string_view name, std::uint64_t epoch, Time now);
    /// It said goodbye; true when it was alive.
    bool left(const NodeId& id, Time now);
    /// Ends the lives that were not heard since `limit`.
    std::vector<NodeId> expire(Time limit, Time now);
    /// This node was cut off: none is known to be alive any more. They may all come back as they are.
    std::vector<NodeId> forget_all(Time now);

    /// Null when it is not alive.
    const Node* find(std::string_view name) const;
    std::vector<NodeId> alive() const;
    std::size_t alive_count() const noexcept { return alive_count_; }
    /// Lives that no message is accepted of any more.
    bool is_over(std::uint32_t life) const { return !lives_going_on_.contains(life); }

private:
    void begin(Node& node, std::uint64_t epoch, Time now);
    void end(Node& node, Time now);
    void forget_one_gone();

    std::size_t max_nodes_;
    std::size_t alive_count_ = 0;
    std::uint32_t lives_ = 0;
    std::unordered_set<std::uint32_t> lives_going_on_;  ///< Alive, or forgotten and may come back.
    std::map<std::string, Node, std::less<>> nodes_;
};

}  // namespace cryo::cluster
