#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/redis/options.h>
#include <cryo/redis/reply.h>
#include <cryo/result.h>

namespace cryo::redis {

inline constexpr std::size_t kSlots = 16'384;
/// Further nodes of a cluster are not believed in.
inline constexpr std::size_t kMaxNodes = 1'000;

/// A host's name is no longer.
inline constexpr std::size_t kMaxHostBytes = 255;

/// Slots next to each other that have the same master.
struct SlotRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    Address master{};

    bool operator==(const SlotRange&) const = default;
};

/// The answer to CLUSTER SLOTS. Ranges that cannot be right are left out; so may be slots, while nobody has them.
/// @param asked the host that answered, which is meant where none is named
/// Errors: `refused` when it is something else.
Result<std::vector<SlotRange>> parse_slots(const Reply& reply, std::string_view asked);

/// 1 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept;

/// A node's `MOVED 3999 10.0.0.1:6381` or `ASK ...`.
struct Redirect {
    std::uint16_t slot = 0;
    Address to{};
    bool ask = false;  ///< Only this once: the slot is on its way.
};

/// Nothing when it is another error. The host may be empty: the one that answered.
std::optional<Redirect> parse_redirect(std::string_view error);

}  // namespace cryo::redis
