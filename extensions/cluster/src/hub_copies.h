#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "hub_wire.h"

namespace cryo::cluster {

/// Lets one copy of each command pass, however many of them come here and however late.
///
/// Each sender numbers its commands, so what has passed is an anti-replay window for each (RFC 4303, 3.4.3): which of
/// the latest numbers have been here; all before them count as if they had. Not by node and epoch: copies of one
/// command may leave in two lives. On the bus's loop.
class HubCopies {
public:
    /// False: it has been here; or it is too old to tell, and rather lost than carried out twice.
    bool is_first(const CommandId& id);

private:
    /// A channel that is slower than another may be behind by so many commands of one sender.
    static constexpr std::size_t kNumbers = 16'384;
    /// More than nodes of a cluster: those whose latest copy is the oldest are forgotten.
    static constexpr std::size_t kSenders = 2'048;

    struct Window {
        bool take(std::uint64_t number);

        std::uint64_t latest = 0;
        std::bitset<kNumbers> taken{};
        std::uint64_t used = 0;  ///< Rises with each copy, whose ever it is.
    };

    std::unordered_map<std::uint64_t, Window> windows_;  ///< By sender.
    std::uint64_t copies_ = 0;
};

}  // namespace cryo::cluster
