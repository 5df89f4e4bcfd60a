#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <cryo/redis/pub_sub.h>

#include "cluster_client.h"
#include "secret.h"
#include "subscriber_core.h"

namespace cryo::redis {
namespace {

/// For what was accepted, after `stop`.
constexpr std::chrono::milliseconds kStopTimeout{1'000};
/// What a command needs beside channel and payload.
constexpr std::size_t kCommandOverhead = 64;

/// Any thread reads them.
struct Counters {
    std::atomic<bool> up{false};
    std::atomic<std::size_t> channels{0};
    std::atomic<std::uint64_t> published{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> connects{0};
};

/// A publishing client and a subscriber. Kept until the end of the turn in which it was stopped or destroyed, since its
/// handlers may be what does that.
class Core : public std::enable_shared_from_this<Core> {
public:
    using Done = UniqueFunction<void(Result<>)>;

    Core(Options options, const PubSubOptions& pub_sub) : options_(std::move(options)), pub_sub_(pub_sub) {}
    ~Core() { wipe(options_); }

    Result<> start(const LoopPtr& loop, cluster::PubSubHandlers handlers);
    void stop(UniqueFunction<void()> done);
    void end();

    bool publish(std::string_view channel, Bytes payload);
    void subscribe(std::string_view channel, Done done);
    void unsubscribe(std::string_view channel);
    cluster::PubSubStats stats() const;
    std::size_t max_payload() const noexcept { return pub_sub_.max_payload; }
    const LoopPtr& loop() const noexcept { return loop_; }

private:
    void make_parts(const std::shared_ptr<const TlsContext>& tls);
    SubscriberHandlers subscriber_handlers();
    bool active() const noexcept { return publisher_ && !stopping_; }
    void judge_link();
    void published(const Result<Reply>& reply);
    void count_channels() noexcept { counters_.channels = subscriber_->stats().channels; }
    void finish_stop();

    Options options_;
    const PubSubOptions pub_sub_;
    LoopPtr loop_{};
    cluster::PubSubHandlers handlers_{};
    std::shared_ptr<ClientCore> publisher_{};
    std::shared_ptr<SubscriberCore> subscriber_{};
    std::unique_ptr<HealthWatch> publisher_health_{};
    std::unique_ptr<LoopTimer> stop_timer_{};
    UniqueFunction<void()> stopped_{};
    bool stopping_ = false;
    Counters counters_{};
};

Result<> Core::start(const LoopPtr& loop, cluster::PubSubHandlers handlers) {
    if (publisher_) return Error{Errc::wrong_state, "it was started already"};
    std::shared_ptr<const TlsContext> tls;
    if (options_.tls) {
        auto made = TlsContext::create(*options_.tls);
        if (!made) return std::move(made).error();
        tls = std::move(made).value();
    }
    loop_ = loop;
    handlers_ = std::move(handlers);
    make_parts(tls);
    publisher_health_ = publisher_->watch_health([this](Health) { judge_link(); });
    subscriber_->start();
    publisher_->start();
    return {};
}

void Core::make_parts(const std::shared_ptr<const TlsContext>& tls) {
    const SubscriberOptions subscriber{.sharded = pub_sub_.sharded, .max_channels = pub_sub_.max_channels};
    if (pub_sub_.sharded) {
        auto cluster = std::make_shared<ClusterClient>(loop_, options_, tls);
        subscriber_ = make_sharded_subscriber(cluster, options_, tls, subscriber_handlers(), subscriber, false);
        publisher_ = std::move(cluster);
    } else {
        // In a cluster too: all that is published takes the same way, and so arrives in order.
        publisher_ = make_single_client(loop_, options_, tls);
        subscriber_ = make_plain_subscriber(loop_, options_, tls, subscriber_handlers(), subscriber);
    }
}

SubscriberHandlers Core::subscriber_handlers() {
    SubscriberHandlers handlers;
    handlers.message = [this](std::string_view channel, Bytes payload) {
        ++counters_.received;
        if (handlers_.message) handlers_.message(channel, payload);
    };
    handlers.health = [this](Health, std::string_view) { judge_link(); };
    return handlers;
}

void Core::judge_link() {
    if (!active()) return;
    const bool can_publish = publisher_->health() == Health::ready;
    const bool up = can_publish && subscriber_->health() == Health::ready;
    if (up == counters_.up.exchange(up)) return;
    if (up) ++counters_.connects;
    const std::string detail = can_publish ? subscriber_->detail() : publisher_->detail();
    if (handlers_.link) handlers_.link(up ? cluster::Link::up : cluster::Link::away, detail);
}

// -- methods ---------------------------------------------------------------------------------------------------------

bool Core::publish(std::string_view channel, Bytes payload) {
    const bool fits = active() && counters_.up && cluster::is_channel_name(channel) &&
                      payload.size() <= pub_sub_.max_payload &&
                      publisher_->has_room(channel.size() + payload.size() + kCommandOverhead);
    if (!fits) {
        ++counters_.refused;
        return false;
    }
    ++counters_.published;
    const std::string_view words[] = {pub_sub_.sharded ? "SPUBLISH" : "PUBLISH", channel, as_text(payload)};
    publisher_->command(words, {}, [this](const Result<Reply>& reply) { published(reply); });
    return true;
}

void Core::published(const Result<Reply>& reply) {
    if (!reply) ++counters_.lost;
    if (stopped_ && publisher_->stats().pending == 0) finish_stop();
}

void Core::subscribe(std::string_view channel, Done done) {
    if (!active()) return;
    if (!cluster::is_channel_name(channel)) {
        loop_->at_turn_end([weak = weak_from_this(), name = std::string(channel), done = std::move(done)]() mutable {
            const auto self = weak.lock();
            if (!self || self->stopping_ || !done) return;
            done(Error{Errc::invalid_argument, fmt::format("'{}' is no name of a channel", name)});
        });
        return;
    }
    subscriber_->subscribe(channel, [this, done = std::move(done)](Result<> result) mutable {
        if (!active()) return;
        count_channels();
        if (!done) return;
        if (result || result.error().code == Errc::wrong_state) return done(std::move(result));
        const bool refused = result.error().code == Errc::refused;
        done(Error{refused ? Errc::system : Errc::invalid_argument, std::move(result).error().message});
    });
    count_channels();
}

void Core::unsubscribe(std::string_view channel) {
    if (!active()) return;
    subscriber_->unsubscribe(channel);
    count_channels();
}

cluster::PubSubStats Core::stats() const {
    return {.link = counters_.up ? cluster::Link::up : cluster::Link::away,
            .channels = counters_.channels,
            .published = counters_.published,
            .refused = counters_.refused,
            .received = counters_.received,
            .lost = counters_.lost,
            .connects = counters_.connects};
}

// -- the end ---------------------------------------------------------------------------------------------------------

void Core::stop(UniqueFunction<void()> done) {
    if (!active()) return;
    stopping_ = true;
    counters_.up = false;
    subscriber_->stop();
    stopped_ = std::move(done);
    stop_timer_ = loop_->make_timer([this] { finish_stop(); });
    stop_timer_->start(publisher_->stats().pending == 0 ? std::chrono::milliseconds(0) : kStopTimeout);
}

void Core::finish_stop() {
    stop_timer_->cancel();
    publisher_->stop();
    if (auto done = std::exchange(stopped_, nullptr)) done();
}

/// Without a word to anybody.
void Core::end() {
    stopping_ = true;
    stopped_ = nullptr;
    stop_timer_.reset();
    if (!publisher_) return;
    subscriber_->stop();
    publisher_->stop();
}

/// What the application holds.
class PubSub final : public cluster::IPubSub {
public:
    explicit PubSub(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    ~PubSub() override {
        core_->end();
        const LoopPtr loop = core_->loop();
        if (loop && loop->in_loop_thread()) loop->at_turn_end([core = std::move(core_)] {});
    }

    std::string_view backend() const noexcept override { return "redis"; }
    Result<> start(const LoopPtr& loop, cluster::PubSubHandlers handlers) override {
        return core_->start(loop, std::move(handlers));
    }
    void stop(UniqueFunction<void()> done) override { core_->stop(std::move(done)); }
    bool publish(std::string_view channel, Bytes payload) override { return core_->publish(channel, payload); }
    void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) override {
        core_->subscribe(channel, std::move(done));
    }
    void unsubscribe(std::string_view channel) override { core_->unsubscribe(channel); }
    std::size_t max_payload() const noexcept override { return core_->max_payload(); }
    cluster::PubSubStats stats() const override { return core_->stats(); }

private:
    std::shared_ptr<Core> core_;
};

Result<> validate(const Options& options, const PubSubOptions& pub_sub) {
    if (auto valid = options.validate(); !valid) return valid;
    const std::size_t most = std::min(options.max_reply_bytes, options.max_pending_bytes) / 2;
    if (pub_sub.sharded && !options.cluster) {
        return Error{Errc::invalid_option, "sharded is for clusters only: cluster is not set"};
    }
    if (pub_sub.max_payload == 0 || pub_sub.max_payload > most) {
        return Error{Errc::invalid_option,
                     fmt::format("max_payload ({}) must be from 1 to {}, half of max_reply_bytes and max_pending_bytes",
                                 pub_sub.max_payload, most)};
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<cluster::IPubSub>> make_pub_sub(Options options, PubSubOptions pub_sub) {
    if (auto valid = validate(options, pub_sub); !valid) return std::move(valid).error();
    return std::unique_ptr<cluster::IPubSub>(
        std::make_unique<PubSub>(std::make_shared<Core>(std::move(options), pub_sub)));
}

}  // namespace cryo::redis
