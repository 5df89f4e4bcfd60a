#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/subscriber.h>

#include "feed.h"

namespace cryo::redis {

class ClusterClient;

/// What subscribers on one connection and on those of a cluster's shards have in common: the channels, who waits for
/// them, counting, health.
///
/// Loop thread. Kept until the end of the turn in which it was stopped, since its handlers may be what stops it.
class SubscriberCore : public std::enable_shared_from_this<SubscriberCore>, public Feed::Owner {
public:
    using Done = UniqueFunction<void(Result<>)>;

    SubscriberCore(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls,
                   SubscriberHandlers handlers, const SubscriberOptions& subscriber);
    virtual ~SubscriberCore() = default;

    virtual void start() = 0;
    void stop();

    void subscribe(std::string_view channel, Done done);
    void unsubscribe(std::string_view channel);

    Health health() const noexcept { return health_; }
    /// What `health` is due to. For log lines.
    const std::string& detail() const noexcept { return detail_; }
    SubscriberStats stats() const;
    const LoopPtr& loop() const noexcept { return loop_; }

protected:
    struct Channel {
        std::uint64_t id = 0;     ///< Of this subscription: an answer to an earlier one has another.
        Feed* feed = nullptr;     ///< That was asked for it.
        bool in_effect = false;   ///< It has said so.
        bool had_effect = false;  ///< On an earlier connection.
        bool holds_up = false;    ///< Not `ready` before it is in effect.
        std::vector<Done> waiting{};
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };
    using Channels = std::unordered_map<std::string, Channel, Hash, std::equal_to<>>;

    /// The connection for a channel, if it is up.
    virtual Feed* feed_of(std::string_view channel) = 0;
    virtual void stop_feeds() = 0;
    /// Whether a server's error only says that it cannot be subscribed there and now.
    virtual bool is_passing(std::string_view) const { return false; }
    /// Something is not where it was.
    virtual void on_trouble() {}
    /// Whether everything is connected that has to be; channels are another matter.
    virtual bool connected() const = 0;
    virtual std::string place() const = 0;

    void on_feed_up(Feed& feed) override;
    void on_feed_down(Feed& feed, std::string_view reason, bool was_up) override;
    void on_subscribed(Feed& feed, std::string_view channel, std::uint64_t id, std::string_view error) override;
    void on_dropped(Feed& feed, std::string_view channel) override;
    void on_message(Feed& feed, std::string_view channel, Bytes payload) override;

    std::unique_ptr<Feed> make_feed(std::unique_ptr<ILocator> locator, bool sharded);
    /// Asks for every channel that is not in effect, nor asked for, on the connection that it belongs to.
    void subscribe_missing();
    /// It is to be asked for again.
    void lose(Channel& channel);
    /// @param trouble what goes wrong; empty: nothing does, it may only not be ready yet
    void judge_health(std::string_view trouble);
    bool stopped() const noexcept { return health_ == Health::stopped; }

    const LoopPtr loop_;
    const std::shared_ptr<Resolver> resolver_;
    Channels channels_{};

private:
    void erase(Channels::iterator channel, Result<> result, bool now);
    void finish(std::vector<Done> waiting, const Result<>& result);
    void finish_later(std::vector<Done> waiting, const Result<>& result);
    void call_finished();
    void set_health(Health health, std::string_view detail);
    template <class Call>
    void fenced(Call call) noexcept;

    const Feed::Times times_;
    const std::shared_ptr<const LinkConfig> link_config_;
    const std::shared_ptr<ILogger> logger_;
    const std::size_t max_channels_;
    const std::shared_ptr<ConnectCounters> counters_ = std::make_shared<ConnectCounters>();
    /// Shared, so that it stays while it runs, whatever it does.
    const std::shared_ptr<SubscriberHandlers> handlers_;
    SubscriberStats stats_{};
    Health health_ = Health::connecting;
    std::string detail_{};
    std::size_t holding_up_ = 0;  ///< Channels that do.
    std::uint64_t next_id_ = 0;
    std::vector<std::pair<Done, Result<>>> finished_{};
};

std::shared_ptr<SubscriberCore> make_plain_subscriber(LoopPtr loop, const Options& options,
                                                      std::shared_ptr<const TlsContext> tls,
                                                      SubscriberHandlers handlers, const SubscriberOptions& subscriber);
/// @param cluster tells where slots are; started and stopped by whoever made it, unless `owns_cluster`
std::shared_ptr<SubscriberCore> make_sharded_subscriber(std::shared_ptr<ClusterClient> cluster, const Options& options,
                                                        std::shared_ptr<const TlsContext> tls,
                                                        SubscriberHandlers handlers,
                                                        const SubscriberOptions& subscriber, bool owns_cluster);

}  // namespace cryo::redis
