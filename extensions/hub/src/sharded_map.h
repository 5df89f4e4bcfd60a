#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace cryo::hub {

/// Hashes strings and views alike, so that looking up needs no copy.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// A map from names for all threads: cut into shards, so that loops seldom meet at a lock, which is held for the
/// look-up only. Names stay where they are while they are in it.
template <class Value>
class ShardedMap {
public:
    using Map = TextMap<Value>;

    /// Calls `use(Map&)` on the shard of that name, locked.
    template <class Use>
    auto with(std::string_view name, Use&& use) {
        Shard& shard = shards_[TextHash{}(name) % kShards];
        const std::lock_guard lock(shard.mutex);
        return use(shard.map);
    }
    template <class Use>
    auto with(std::string_view name, Use&& use) const {
        const Shard& shard = shards_[TextHash{}(name) % kShards];
        const std::lock_guard lock(shard.mutex);
        return use(shard.map);
    }

    /// Calls `visit(name, value)` for all, shard by shard, each locked.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Shard& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            for (const auto& [name, value] : shard.map) visit(name, value);
        }
    }

private:
    static constexpr std::size_t kShards = 16;

    struct alignas(64) Shard {
        mutable std::mutex mutex{};
        Map map{};
    };
    std::array<Shard, kShards> shards_{};
};

}  // namespace cryo::hub
