#pragma once

#include <atomic>
#include <bitset>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <cryo/hub/relay.h>

#include "sharded_map.h"

namespace cryo::hub {

class SubscriberImpl;

constexpr std::size_t kMaxLoops = 256;
using LoopSet = std::bitset<kMaxLoops>;

/// Which loops have subscribers of a topic or user, and where each connection is: what a publisher on any thread has to
/// know of the others. Only a loop itself changes what is said of it. Any thread.
class Directory {
public:
    explicit Directory(std::size_t max_topics) noexcept : max_topics_(max_topics) {}

    struct Added {
        std::string_view name;  ///< Stays valid until the loop is taken out again.
        bool first;             ///< No other loop had any.
    };
    /// The first subscriber of this topic or user has come to the loop. Null: that would be a topic too many.
    std::optional<Added> add(Interest::Kind kind, std::string_view name, std::size_t loop);
    /// The last one has left. True when no other loop has any.
    bool remove(Interest::Kind kind, std::string_view name, std::size_t loop);
    LoopSet loops(Interest::Kind kind, std::string_view name) const;

    struct Place {
        std::size_t loop;
        SubscriberImpl* subscriber;  ///< To be looked at on that loop only, where it stays until it is taken out.
    };
    /// False: the id is taken.
    bool add_connection(const std::string& id, Place place);
    void remove_connection(const std::string& id);
    std::optional<Place> find_connection(std::string_view id) const;

    bool contains(const Interest& interest) const;
    void for_each(const std::function<void(const Interest&)>& visit) const;
    std::size_t topic_count() const noexcept { return topic_count_.load(std::memory_order_relaxed); }

private:
    using LoopMap = ShardedMap<LoopSet>;

    LoopMap& map_of(Interest::Kind kind) noexcept { return kind == Interest::Kind::topic ? topics_ : users_; }
    const LoopMap& map_of(Interest::Kind kind) const noexcept {
        return kind == Interest::Kind::topic ? topics_ : users_;
    }

    const std::size_t max_topics_;
    std::atomic<std::size_t> topic_count_{0};
    LoopMap topics_{};
    LoopMap users_{};
    ShardedMap<Place> connections_{};
};

}  // namespace cryo::hub
