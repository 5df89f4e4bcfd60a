#include "membership.h"

#include <algorithm>

namespace cryo::cluster {
namespace {

// Lives that are over, of one name: as many as can still have messages under way.
constexpr std::size_t kMaxDeadEpochs = 8;
// Names remembered after their end, for each node that may be alive.
constexpr std::size_t kRememberedPerNode = 4;

bool contains(const std::vector<std::uint64_t>& epochs, std::uint64_t epoch) {
    return std::find(epochs.begin(), epochs.end(), epoch) != epochs.end();
}

}  // namespace

Membership::Heard Membership::heard(std::string_view name, std::uint64_t epoch, Time now) {
    auto found = nodes_.find(name);
    if (found != nodes_.end()) {
        auto& node = found->second;
        if (node.alive && node.id.epoch == epoch) {
            node.heard = now;
            return {Verdict::known, &node, {}};
        }
        if (contains(node.dead, epoch)) return {Verdict::dead, &node, {}};
        if (node.alive) {
            if (epoch < node.id.epoch) return {Verdict::dead, &node, {}};
            Heard heard{Verdict::replaced, &node, node.id};
            end(node, now);
            begin(node, epoch, now);
            return heard;
        }
    }
    if (alive_count_ >= max_nodes_) return {Verdict::full, nullptr, {}};
    if (found == nodes_.end()) {
        if (nodes_.size() >= max_nodes_ * (1 + kRememberedPerNode)) forget_one_gone();
        found = nodes_.emplace(name, Node{}).first;
        found->second.id.name = name;
    }
    begin(found->second, epoch, now);
    return {Verdict::joined, &found->second, {}};
}

bool Membership::left(const NodeId& id, Time now) {
    const auto found = nodes_.find(id.name);
    if (found == nodes_.end() || !found->second.alive || found->second.id.epoch != id.epoch) return false;
    end(found->second, now);
    return true;
}

std::vector<NodeId> Membership::expire(Time limit, Time now) {
    std::vector<NodeId> died;
    for (auto& [name, node] : nodes_) {
        if (!node.alive || node.heard > limit) continue;
        died.push_back(node.id);
        end(node, now);
    }
    return died;
}

std::vector<NodeId> Membership::forget_all(Time now) {
    auto gone = alive();
    for (auto& [name, node] : nodes_) {
        if (!node.alive) continue;
        node.alive = false;
        node.heard = now;
    }
    alive_count_ = 0;
    return gone;
}

const Membership::Node* Membership::find(std::string_view name) const {
    const auto found = nodes_.find(name);
    return found != nodes_.end() && found->second.alive ? &found->second : nullptr;
}

std::vector<NodeId> Membership::alive() const {
    std::vector<NodeId> ids;
    ids.reserve(alive_count_);
    for (const auto& [name, node] : nodes_) {
        if (node.alive) ids.push_back(node.id);
    }
    return ids;
}

void Membership::begin(Node& node, std::uint64_t epoch, Time now) {
    // The same life goes on when it was only out of sight.
    if (!lives_going_on_.contains(node.life) || node.id.epoch != epoch) {
        lives_going_on_.erase(node.life);
        node.life = ++lives_;
        lives_going_on_.insert(node.life);
    }
    node.id.epoch = epoch;
    node.alive = true;
    node.heard = now;
    ++alive_count_;
}

void Membership::end(Node& node, Time now) {
    node.alive = false;
    node.heard = now;
    --alive_count_;
    lives_going_on_.erase(node.life);
    if (node.dead.size() >= kMaxDeadEpochs) node.dead.erase(node.dead.begin());
    node.dead.push_back(node.id.epoch);
}

void Membership::forget_one_gone() {
    auto oldest = nodes_.end();
    for (auto entry = nodes_.begin(); entry != nodes_.end(); ++entry) {
        if (entry->second.alive) continue;
        if (oldest == nodes_.end() || entry->second.heard < oldest->second.heard) oldest = entry;
    }
    if (oldest == nodes_.end()) return;
    lives_going_on_.erase(oldest->second.life);
    nodes_.erase(oldest);
}

}  // namespace cryo::cluster
