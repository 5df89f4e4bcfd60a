#include <atomic>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <cryo/nats/pub_sub.h>

#include "connect_options.h"
#include "driver.h"

namespace cryo::nats {
namespace {

using cluster::Link;

/// What a server takes if it does not say otherwise.
constexpr std::uint64_t kDefaultMaxPayload = 1u << 20;

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

/// The loop's side: knows what is subscribed and who waits for it.
class PubSub final : public cluster::IPubSub {
public:
    explicit PubSub(Options options) : options_(std::move(options)) { counters_->max_payload.set(kDefaultMaxPayload); }
    ~PubSub() override {
        *running_ = false;
        if (inbox_) inbox_->close();
        wipe_secrets(options_);  // it may never have been started
    }

    std::string_view backend() const noexcept override { return "nats"; }
    Result<> start(const LoopPtr& loop, cluster::PubSubHandlers handlers) override;
    void stop(UniqueFunction<void()> done) override;
    bool publish(std::string_view channel, Bytes payload) override;
    void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) override;
    void unsubscribe(std::string_view channel) override;
    std::size_t max_payload() const noexcept override { return static_cast<std::size_t>(counters_->max_payload.get()); }
    cluster::PubSubStats stats() const override;

private:
    struct Channel {
        std::uint64_t number = 0;
        std::vector<UniqueFunction<void(Result<>)>> waiting{};
    };
    using Channels = std::unordered_map<std::string, Channel, TextHash, std::equal_to<>>;

    void on_event(Event& event);
    void on(MessagePtr& message);
    void on(LinkUp& up);
    void on(LinkAway& away);
    void on(Subscribed& subscribed);
    void on(Refused& refused);
    void settle(std::uint64_t last);
    void bring_up(const std::string& detail);
    /// Not from within the call that led to it.
    void post_result(UniqueFunction<void(Result<>)> done, Result<> result);

    Options options_;
    LoopPtr loop_{};
    cluster::PubSubHandlers handlers_{};
    const std::shared_ptr<Driver::Counters> counters_ = std::make_shared<Driver::Counters>();
    std::shared_ptr<EventInbox> inbox_{};
    std::unique_ptr<Driver> driver_{};
    std::shared_ptr<bool> running_ = std::make_shared<bool>(false);  ///< For what is posted and outlives this.

    std::atomic<Link> link_{Link::away};
    cluster::Counter published_, refused_, received_, connects_, channel_count_;
    Channels channels_{};
    std::map<std::uint64_t, std::string> waiting_{};  ///< By number: channels with completions to be called.
    std::uint64_t last_number_ = 0;
    /// Connected, but for channels that were asked for meanwhile: up once this one is in effect.
    std::uint64_t up_after_ = 0;
    std::string up_detail_{};
};

Result<> PubSub::start(const LoopPtr& loop, cluster::PubSubHandlers handlers) {
    if (driver_) return Error{Errc::wrong_state, "a connection is started once only"};
    auto nats_options = to_nats_options(options_);
    if (!nats_options) return nats_options.error();
    Driver::Settings settings{.timeout = options_.connect_timeout,
                              .retry_min = options_.retry_min,
                              .retry_max = options_.retry_max,
                              .max_waiting_bytes = options_.max_waiting_bytes,
                              .servers = printable_servers(options_),
                              .logger = options_.logger};
    wipe_secrets(options_);
    loop_ = loop;
    handlers_ = std::move(handlers);
    *running_ = true;
    inbox_ = std::make_shared<EventInbox>(loop, options_.max_waiting_bytes, [this](Event& event) { on_event(event); });
    driver_ = std::make_unique<Driver>(std::move(settings), std::move(*nats_options), inbox_, counters_);
    return {};
}

void PubSub::stop(UniqueFunction<void()> done) {
    if (!std::exchange(*running_, false)) {
        loop_->post(std::move(done));
        return;
    }
    inbox_->close();
    channels_.clear();
    waiting_.clear();
    if (link_.exchange(Link::away) == Link::away) {
        // It may be trying to connect, which nobody needs to wait for.
        loop_->post(std::move(done));
        driver_->stop([] {});
        return;
    }
    driver_->stop([loop = loop_, then = std::move(done)]() mutable { loop->post(std::move(then)); });
}

bool PubSub::publish(std::string_view channel, Bytes payload) {
    const bool accepted = link_ == Link::up && payload.size() <= max_payload() && cluster::is_channel_name(channel) &&
                          driver_->publish(channel, payload);
    (accepted ? published_ : refused_).add();
    return accepted;
}

void PubSub::subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) {
    if (!*running_) return;
    if (!cluster::is_channel_name(channel)) {
        return post_result(std::move(done), Error{Errc::invalid_argument, "not the name of a channel"});
    }
    auto found = channels_.find(channel);
    if (found == channels_.end()) {
        if (channels_.size() >= options_.max_channels) {
            return post_result(std::move(done),
                               Error{Errc::invalid_argument,
                                     fmt::format("more channels than max_channels = {}", options_.max_channels)});
        }
        found = channels_.emplace(channel, Channel{++last_number_, {}}).first;
        channel_count_.set(channels_.size());
        driver_->subscribe(channel, last_number_);
    } else if (link_ == Link::up && !waiting_.contains(found->second.number)) {
        return post_result(std::move(done), {});
    }
    found->second.waiting.push_back(std::move(done));
    waiting_.try_emplace(found->second.number, channel);
}

void PubSub::unsubscribe(std::string_view channel) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    waiting_.erase(found->second.number);
    for (auto& done : found->second.waiting) {
        post_result(std::move(done), Error{Errc::wrong_state, "unsubscribed meanwhile"});
    }
    channels_.erase(found);
    channel_count_.set(channels_.size());
    driver_->unsubscribe(channel);
}

cluster::PubSubStats PubSub::stats() const {
    return {.link = link_,
            .channels = static_cast<std::size_t>(channel_count_.get()),
            .published = published_.get(),
            .refused = refused_.get(),
            .received = received_.get(),
            .lost = counters_->lost.get(),
            .connects = connects_.get()};
}

// -- from the driver --------------------------------------------------------------------------------------------------

void PubSub::on_event(Event& event) {
    std::visit([this](auto& kind) { on(kind); }, event);
}

void PubSub::on(MessagePtr& message) {
    const auto channel = to_channel(natsMsg_GetSubject(message.get()));
    if (!channels_.contains(channel)) return;  // on its way when it was unsubscribed
    received_.add();
    const auto* data = reinterpret_cast<const std::byte*>(natsMsg_GetData(message.get()));
    handlers_.message(channel, Bytes(data, static_cast<std::size_t>(natsMsg_GetDataLength(message.get()))));
}

void PubSub::on(LinkUp& up) {
    settle(up.last_subscription);
    if (!*running_) return;
    if (waiting_.empty()) return bring_up(up.detail);
    up_after_ = waiting_.rbegin()->first;
    up_detail_ = std::move(up.detail);
}

void PubSub::on(Subscribed& subscribed) {
    settle(subscribed.last_subscription);
    if (*running_ && up_after_ != 0 && subscribed.last_subscription >= up_after_) bring_up(up_detail_);
}

void PubSub::bring_up(const std::string& detail) {
    up_after_ = 0;
    link_ = Link::up;
    connects_.add();
    handlers_.link(Link::up, detail);
}

void PubSub::on(LinkAway& away) {
    up_after_ = 0;
    if (link_.exchange(Link::away) == Link::up) handlers_.link(Link::away, away.detail);
}

void PubSub::on(Refused& refused) {
    const auto found = channels_.find(refused.channel);
    if (found == channels_.end() || found->second.number != refused.subscription) return;
    auto waiting = std::move(found->second.waiting);
    waiting_.erase(refused.subscription);
    channels_.erase(found);
    channel_count_.set(channels_.size());
    const Error error{Errc::system, fmt::format("NATS refused channel {}: {}", refused.channel, refused.reason)};
    for (auto& done : waiting) {
        if (*running_) done(error);
    }
}

/// Completions may subscribe, unsubscribe and stop.
void PubSub::settle(std::uint64_t last) {
    while (!waiting_.empty() && waiting_.begin()->first <= last) {
        const auto found = channels_.find(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        auto waiting = std::exchange(found->second.waiting, {});
        for (auto& done : waiting) {
            if (*running_) done({});
        }
    }
}

void PubSub::post_result(UniqueFunction<void(Result<>)> done, Result<> result) {
    loop_->post([running = running_, then = std::move(done), outcome = std::move(result)]() mutable {
        if (*running) then(std::move(outcome));
    });
}

}  // namespace

Result<std::unique_ptr<cluster::IPubSub>> make_pub_sub(Options options) {
    if (auto problems = problems_of(options); !problems.empty()) {
        return Error{Errc::invalid_option, "nats: " + problems};
    }
    return std::unique_ptr<cluster::IPubSub>(std::make_unique<PubSub>(std::move(options)));
}

}  // namespace cryo::nats
