#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cryo/redis/subscriber.h>

#include "redis_fixture.h"

namespace cryo::test {

/// A subscriber on a loop of its own, and what it was told. Its methods are for the test's thread.
class TestSubscriber {
public:
    explicit TestSubscriber(redis::Options options, redis::SubscriberOptions subscriber = {}) {
        options.logger = log_;
        redis::SubscriberHandlers handlers;
        handlers.message = [this](std::string_view channel, Bytes payload) {
            const std::lock_guard lock(mutex_);
            heard_.push_back(std::string(channel) + "=" + std::string(as_text(payload)));
        };
        handlers.health = [this](redis::Health health, std::string_view) { health_.push(health); };
        auto made = loop_.run([&] {
            return redis::Subscriber::create(loop_.get(), std::move(options), std::move(handlers), subscriber);
        });
        if (!made) throw std::runtime_error(made.error().message);
        subscriber_ = std::move(made).value();
    }
    ~TestSubscriber() {
        if (subscriber_) loop_.run([&] { subscriber_.reset(); });
    }

    TestLoop& loop() noexcept { return loop_; }
    redis::Subscriber& operator*() noexcept { return *subscriber_; }
    const LogLines& log() const noexcept { return *log_; }
    Inbox<redis::Health>& changes() noexcept { return health_; }

    using Outcome = std::shared_ptr<Inbox<Result<>>>;
    Outcome begin_subscribe(const std::string& channel) {
        auto outcome = std::make_shared<Inbox<Result<>>>();
        loop_.run(
            [&] { subscriber_->subscribe(channel, [outcome](Result<> result) { outcome->push(std::move(result)); }); });
        return outcome;
    }
    bool subscribe(const std::string& channel) {
        const auto result = begin_subscribe(channel)->next();
        return result && result->ok();
    }
    void unsubscribe(const std::string& channel) {
        loop_.run([&] { subscriber_->unsubscribe(channel); });
    }

    std::vector<std::string> heard() const {
        const std::lock_guard lock(mutex_);
        return heard_;
    }
    bool hears(const std::vector<std::string>& messages) const {
        return eventually([&] { return heard().size() >= messages.size(); }) && heard() == messages;
    }
    bool becomes(redis::Health health) {
        return eventually([&] { return loop_.run([&] { return subscriber_->health(); }) == health; });
    }
    redis::SubscriberStats stats() {
        return loop_.run([&] { return subscriber_->stats(); });
    }
    void stop() {
        loop_.run([&] { subscriber_->stop(); });
    }
    void destroy_here() { subscriber_.reset(); }

private:
    std::shared_ptr<LogLines> log_ = std::make_shared<LogLines>();
    mutable std::mutex mutex_;
    std::vector<std::string> heard_;
    Inbox<redis::Health> health_;
    TestLoop loop_;
    std::unique_ptr<redis::Subscriber> subscriber_;
};

}  // namespace cryo::test
