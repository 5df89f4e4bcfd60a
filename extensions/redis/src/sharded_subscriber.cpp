#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cluster_client.h"
#include "subscriber_core.h"

namespace cryo::redis {
namespace {

/// Listens where each channel's slot is: a connection to every node that has channels.
///
/// A channel is heard on one connection only, the one that it was last asked of: within a shard, master and replica
/// both pass on what is published.
class ShardedSubscriber final : public SubscriberCore {
public:
    ShardedSubscriber(std::shared_ptr<ClusterClient> cluster, const Options& options,
                      std::shared_ptr<const TlsContext> tls, SubscriberHandlers handlers,
                      const SubscriberOptions& subscriber, bool owns_cluster)
        : SubscriberCore(cluster->loop(), options, std::move(tls), std::move(handlers), subscriber),
          cluster_(std::move(cluster)),
          owns_cluster_(owns_cluster) {}

    void start() override {
        cluster_->on_slots([weak = weak_from_this()](const std::vector<SlotRange>& ranges) {
            if (const auto self = weak.lock()) static_cast<ShardedSubscriber&>(*self).take_slots(ranges);
        });
        if (owns_cluster_) cluster_->start();
    }

private:
    struct Shard {
        Address address{};
        std::unique_ptr<Feed> feed{};
    };

    void stop_feeds() override {
        for (const auto& shard : shards_) shard.feed->stop();
        if (owns_cluster_) cluster_->stop();
    }

    Feed* feed_of(std::string_view channel) override {
        const SlotRange* const range = range_of(channel);
        if (!range) return nullptr;
        Feed& feed = feed_at(range->master);
        return feed.up() ? &feed : nullptr;
    }

    const SlotRange* range_of(std::string_view channel) const {
        const std::uint16_t number = range_by_slot_[slot_of_key(channel)];
        return number == 0 ? nullptr : &ranges_[number - 1u];
    }

    Feed& feed_at(const Address& address) {
        for (const auto& shard : shards_) {
            if (shard.address == address) return *shard.feed;
        }
        auto feed = make_feed(std::make_unique<ListLocator>(resolver_, std::vector{address}), true);
        feed->start();
        shards_.push_back({.address = address, .feed = std::move(feed)});
        return *shards_.back().feed;
    }

    void take_slots(const std::vector<SlotRange>& ranges) {
        if (stopped()) return;
        ranges_ = ranges;
        range_by_slot_.assign(kSlots, 0);
        for (std::size_t i = 0; i < ranges_.size(); ++i) {
            std::fill(range_by_slot_.begin() + ranges_[i].first, range_by_slot_.begin() + ranges_[i].last + 1,
                      static_cast<std::uint16_t>(i + 1));
        }
        for (auto& [name, channel] : channels_) {
            Feed* const feed = feed_of(name);
            if (!channel.feed || channel.feed == feed) continue;
            if (channel.feed->up()) channel.feed->unsubscribe(name);
            lose(channel);
        }
        retire_unused();
        subscribe_missing();
        judge_health(channels_.empty() ? "" : "channels move to other nodes");
    }

    /// Connections to nodes that have no slots any more.
    void retire_unused() {
        const auto unused = std::stable_partition(shards_.begin(), shards_.end(), [this](const Shard& shard) {
            return std::any_of(ranges_.begin(), ranges_.end(),
                               [&](const SlotRange& range) { return range.master == shard.address; });
        });
        for (auto shard = unused; shard != shards_.end(); ++shard) {
            shard->feed->stop();
            for (auto& [name, channel] : channels_) {
                if (channel.feed == shard->feed.get()) lose(channel);
            }
            loop_->at_turn_end([feed = std::move(shard->feed)] {});  // it may be on the stack
        }
        shards_.erase(unused, shards_.end());
    }

    bool is_passing(std::string_view error) const override {
        return error.starts_with("MOVED") || error.starts_with("CLUSTERDOWN") || error.starts_with("LOADING");
    }
    void on_trouble() override { cluster_->refresh_soon(); }

    bool connected() const override {
        return !ranges_.empty() &&
               std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) { return shard.feed->up(); });
    }
    std::string place() const override { return fmt::format("{} nodes of the cluster", shards_.size()); }

    const std::shared_ptr<ClusterClient> cluster_;
    const bool owns_cluster_;
    std::vector<SlotRange> ranges_{};
    std::vector<std::uint16_t> range_by_slot_ = std::vector<std::uint16_t>(kSlots);  ///< Counted from 1; 0: none.
    std::vector<Shard> shards_{};
};

}  // namespace

std::shared_ptr<SubscriberCore> make_sharded_subscriber(std::shared_ptr<ClusterClient> cluster, const Options& options,
                                                        std::shared_ptr<const TlsContext> tls,
                                                        SubscriberHandlers handlers,
                                                        const SubscriberOptions& subscriber, bool owns_cluster) {
    return std::make_shared<ShardedSubscriber>(std::move(cluster), options, std::move(tls), std::move(handlers),
                                               subscriber, owns_cluster);
}

}  // namespace cryo::redis
