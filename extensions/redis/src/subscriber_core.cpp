#include "subscriber_core.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "log.h"

namespace cryo::redis {
namespace {

constexpr std::size_t kMaxChannelBytes = 64u << 10;

Feed::Times times_of(const Options& options) {
    return {.connect = {.connect_timeout = options.connect_timeout,
                        .retry_min = options.retry_min,
                        .retry_max = options.retry_max},
            .answer_timeout = options.command_timeout,
            .ping_interval = options.ping_interval};
}

}  // namespace

SubscriberCore::SubscriberCore(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls,
                               SubscriberHandlers handlers, const SubscriberOptions& subscriber)
    : loop_(std::move(loop)),
      resolver_(std::make_shared<Resolver>(loop_, options.resolver)),
      times_(times_of(options)),
      link_config_(LinkConfig::make({.credentials = options.credentials,
                                     .client_name = options.client_name,
                                     .master_only = options.sentinel.has_value()},
                                    options, std::move(tls))),
      logger_(options.logger),
      max_channels_(subscriber.max_channels),
      handlers_(std::make_shared<SubscriberHandlers>(std::move(handlers))) {}

std::unique_ptr<Feed> SubscriberCore::make_feed(std::unique_ptr<ILocator> locator, bool sharded) {
    return std::make_unique<Feed>(loop_, link_config_, times_, std::move(locator), counters_, sharded, *this);
}

void SubscriberCore::stop() {
    if (stopped()) return;
    health_ = Health::stopped;
    stop_feeds();
    const Result<> stopped(Error{Errc::unavailable, "the subscriber was stopped"});
    for (auto& [name, channel] : std::exchange(channels_, {})) finish(std::move(channel.waiting), stopped);
    call_finished();
}

// -- channels --------------------------------------------------------------------------------------------------------

void SubscriberCore::subscribe(std::string_view name, Done done) {
    std::vector<Done> waiting;
    if (done) waiting.push_back(std::move(done));
    if (stopped()) {
        return finish_later(std::move(waiting), Error{Errc::unavailable, "the subscriber was stopped"});
    }
    if (name.empty() || name.size() > kMaxChannelBytes) {
        return finish_later(std::move(waiting),
                            Error{Errc::invalid_argument, fmt::format("a channel of {} bytes is not from 1 to {}",
                                                                      name.size(), kMaxChannelBytes)});
    }
    auto found = channels_.find(name);
    if (found == channels_.end() && channels_.size() >= max_channels_) {
        return finish_later(std::move(waiting),
                            Error{Errc::unavailable, fmt::format("{} channels are subscribed already", max_channels_)});
    }
    if (found == channels_.end()) {
        found = channels_.emplace(std::string(name), Channel{.id = ++next_id_}).first;
        if (health_ != Health::ready) lose(found->second);
    }
    Channel& channel = found->second;
    if (channel.in_effect) return finish_later(std::move(waiting), {});
    for (auto& one : waiting) channel.waiting.push_back(std::move(one));
    Feed* const feed = channel.feed ? nullptr : feed_of(name);
    if (!feed) return;
    channel.feed = feed;
    feed->subscribe(found->first, channel.id);
}

void SubscriberCore::unsubscribe(std::string_view name) {
    const auto found = channels_.find(name);
    if (found == channels_.end()) return;
    if (Feed* const feed = found->second.feed; feed && feed->up()) feed->unsubscribe(found->first);
    erase(found, Error{Errc::wrong_state, fmt::format("'{}' was unsubscribed", name)}, false);
}

/// @param now whether those who wait may be called from here
void SubscriberCore::erase(Channels::iterator found, Result<> result, bool now) {
    auto waiting = std::move(found->second.waiting);
    if (found->second.holds_up) --holding_up_;
    channels_.erase(found);
    if (now) {
        finish(std::move(waiting), result);
    } else {
        finish_later(std::move(waiting), result);
    }
}

void SubscriberCore::lose(Channel& channel) {
    channel.feed = nullptr;
    channel.in_effect = false;
    if (!std::exchange(channel.holds_up, true)) ++holding_up_;
}

void SubscriberCore::subscribe_missing() {
    for (auto& [name, channel] : channels_) {
        Feed* const feed = channel.feed ? nullptr : feed_of(name);
        if (!feed) continue;
        channel.feed = feed;
        feed->subscribe(name, channel.id);
    }
}

// -- what the connections tell ---------------------------------------------------------------------------------------

void SubscriberCore::on_feed_up(Feed&) {
    subscribe_missing();
    judge_health({});
}

void SubscriberCore::on_feed_down(Feed& feed, std::string_view reason, bool) {
    for (auto& [name, channel] : channels_) {
        if (channel.feed == &feed) lose(channel);
    }
    judge_health(reason);
    on_trouble();
}

void SubscriberCore::on_subscribed(Feed& feed, std::string_view name, std::uint64_t id, std::string_view error) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || found->second.id != id || found->second.feed != &feed) return;
    Channel& channel = found->second;
    if (!error.empty() && is_passing(error)) {
        lose(channel);
        return on_trouble();
    }
    if (!error.empty()) {
        log(logger_.get(), LogLevel::warning, fmt::format("subscription refused: {}", error));
        erase(found, Error{Errc::refused, std::string(error)}, true);
        return judge_health({});
    }
    channel.in_effect = true;
    if (std::exchange(channel.had_effect, true)) ++stats_.resubscribed;
    if (std::exchange(channel.holds_up, false)) --holding_up_;
    finish(std::exchange(channel.waiting, {}), {});
    if (!stopped()) judge_health({});
}

void SubscriberCore::on_dropped(Feed& feed, std::string_view name) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || found->second.feed != &feed) return;
    lose(found->second);
    judge_health("the server has ended a subscription");
    on_trouble();
}

void SubscriberCore::on_message(Feed& feed, std::string_view name, Bytes payload) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || !found->second.in_effect || found->second.feed != &feed) return;
    ++stats_.messages;
    if (!handlers_->message) return;
    fenced([&, handlers = handlers_] { handlers->message(name, payload); });
}

// -- those who are told ----------------------------------------------------------------------------------------------

/// What is thrown must not keep others from being called: the loop gets to know of it afterwards.
template <class Call>
void SubscriberCore::fenced(Call call) noexcept {
    try {
        call();
    } catch (...) {
        loop_->post([thrown = std::current_exception()] { std::rethrow_exception(thrown); });
    }
}

void SubscriberCore::finish(std::vector<Done> waiting, const Result<>& result) {
    for (auto& done : waiting) fenced([&] { done(result); });
}

/// For what must not be called from within the method that it is the result of.
void SubscriberCore::finish_later(std::vector<Done> waiting, const Result<>& result) {
    if (waiting.empty()) return;
    const bool is_first = finished_.empty();
    for (auto& done : waiting) finished_.emplace_back(std::move(done), result);
    if (!is_first) return;
    loop_->at_turn_end([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->call_finished();
    });
}

void SubscriberCore::call_finished() {
    for (auto& finished : std::exchange(finished_, {})) {
        fenced([&finished] { finished.first(finished.second); });
    }
}

void SubscriberCore::judge_health(std::string_view trouble) {
    if (connected() && holding_up_ == 0) {
        set_health(Health::ready, fmt::format("subscribed at {}", place()));
    } else if (!trouble.empty()) {
        set_health(Health::away, trouble);
    }
}

void SubscriberCore::set_health(Health health, std::string_view detail) {
    if (stopped()) return;
    const bool changed = health != health_;
    if (!changed && (health == Health::ready || detail == detail_)) return;
    health_ = health;
    detail_ = detail;
    const LogLevel level = health == Health::away ? LogLevel::warning : LogLevel::info;
    log(logger_.get(), level, fmt::format("{}: {}", to_string(health), detail));
    if (changed && handlers_->health) {
        fenced([&, handlers = handlers_] { handlers->health(health, detail); });
    }
}

SubscriberStats SubscriberCore::stats() const {
    SubscriberStats stats = stats_;
    stats.channels = channels_.size();
    stats.connects = counters_->connects;
    stats.disconnects = counters_->disconnects;
    stats.failed_connects = counters_->failed_connects;
    return stats;
}

}  // namespace cryo::redis
