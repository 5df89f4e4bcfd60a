#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "node.h"
#include "request.h"

namespace cryo::redis {

/// Keeps the order of commands on a slot that has moved to another node.
///
/// The old node answers each command that is on its way there with MOVED. Until the last of these has come back, what
/// is to go to the new node waits: first what was bounced, in its order, then what is new.
class SlotMoves {
public:
    struct Released {
        std::uint16_t slot = 0;
        std::vector<Request> bounced{};
        std::vector<Request> fresh{};
    };

    /// Takes on what `from` has answered with MOVED.
    /// @param in_flight commands on the slot that `from` has to settle yet, this one included
    void bounce(const Node& from, std::uint16_t slot, Request request, std::size_t in_flight) {
        const auto [move, is_new] = moves_.try_emplace(slot);
        if (is_new) move->second = {&from, in_flight, {}};
        move->second.released.slot = slot;
        move->second.released.bounced.push_back(std::move(request));
    }

    /// Takes on a new command if its slot is moving.
    bool hold(Request& request) {
        if (moves_.empty() || !request.slot) return false;
        const auto move = moves_.find(*request.slot);
        if (move == moves_.end()) return false;
        move->second.released.fresh.push_back(std::move(request));
        return true;
    }

    /// `from` has one command less on the slot; what may go on now.
    std::optional<Released> settle(const Node& from, std::optional<std::uint16_t> slot) {
        if (moves_.empty() || !slot) return std::nullopt;
        const auto move = moves_.find(*slot);
        if (move == moves_.end() || move->second.from != &from) return std::nullopt;
        if (--move->second.in_flight > 0) return std::nullopt;
        auto released = std::move(move->second.released);
        moves_.erase(move);
        return released;
    }

    /// `from` has nothing in flight any more.
    std::vector<Released> settle_all(const Node& from) {
        std::vector<Released> all;
        for (auto move = moves_.begin(); move != moves_.end();) {
            if (move->second.from == &from) {
                all.push_back(std::move(move->second.released));
                move = moves_.erase(move);
            } else {
                ++move;
            }
        }
        return all;
    }

    std::vector<Released> take_all() {
        std::vector<Released> all;
        for (auto& [slot, move] : std::exchange(moves_, {})) all.push_back(std::move(move.released));
        return all;
    }

private:
    struct Move {
        const Node* from = nullptr;
        std::size_t in_flight = 0;
        Released released{};
    };
    using Moves = std::map<std::uint16_t, Move>;

    Moves moves_{};
};

}  // namespace cryo::redis
