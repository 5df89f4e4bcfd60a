#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/cluster/pub_sub.h>

#include "support/test_server.h"
#include "support/wait.h"

namespace cryo::test {

/// An `IPubSub` on a loop of its own, and what it told. Its methods are for the test's thread.
class PubSubClient {
public:
    struct Message {
        std::string channel;
        std::string payload;
        bool operator==(const Message&) const = default;
    };

    explicit PubSubClient(std::unique_ptr<cluster::IPubSub> link) : link_(std::move(link)) {
        server_.start();
        loop_ = server_->loops().front();
        cluster::PubSubHandlers handlers;
        handlers.message = [this](std::string_view channel, Bytes payload) {
            const std::lock_guard lock(mutex_);
            heard_.push_back({std::string(channel), std::string(as_text(payload))});
        };
        handlers.link = [this](cluster::Link state, std::string_view) {
            const std::lock_guard lock(mutex_);
            states_.push_back(state);
        };
        started_ = on_loop([&] { return link_->start(loop_, std::move(handlers)).ok(); });
    }
    /// Without taking leave.
    ~PubSubClient() { destroy(); }

    bool started() const { return started_; }
    bool up() const { return link_->stats().link == cluster::Link::up; }
    cluster::PubSubStats stats() const { return link_->stats(); }
    std::size_t max_payload() const { return link_->max_payload(); }

    bool publish(std::string_view channel, std::string_view payload) {
        return on_loop([&] { return link_->publish(channel, as_bytes(payload)); });
    }
    /// Any number at once; how many were accepted.
    std::size_t publish_all(std::string_view channel, const std::vector<std::string>& payloads) {
        return on_loop([&] {
            std::size_t accepted = 0;
            for (const auto& payload : payloads) accepted += link_->publish(channel, as_bytes(payload)) ? 1 : 0;
            return accepted;
        });
    }
    /// What becomes of it comes through the inbox.
    using Outcome = std::shared_ptr<Inbox<Result<>>>;
    Outcome begin_subscribe(std::string_view channel) {
        auto outcome = std::make_shared<Inbox<Result<>>>();
        on_loop([&] {
            link_->subscribe(channel, [outcome](Result<> result) { outcome->push(std::move(result)); });
            return true;
        });
        return outcome;
    }
    bool subscribe(std::string_view channel) {
        const auto result = begin_subscribe(channel)->next();
        return result && result->ok();
    }
    void unsubscribe(std::string_view channel) {
        on_loop([&] {
            link_->unsubscribe(channel);
            return true;
        });
    }
    /// False when it does not end.
    bool stop() {
        const auto done = std::make_shared<Inbox<bool>>();
        on_loop([&] {
            link_->stop([done] { done->push(true); });
            return true;
        });
        return done->next().has_value();
    }
    void destroy() {
        if (!link_) return;
        on_loop([&] {
            link_.reset();
            return true;
        });
    }

    std::vector<Message> heard() const {
        const std::lock_guard lock(mutex_);
        return heard_;
    }
    std::vector<std::string> heard_on(std::string_view channel) const {
        std::vector<std::string> payloads;
        for (const auto& message : heard()) {
            if (message.channel == channel) payloads.push_back(message.payload);
        }
        return payloads;
    }
    std::vector<cluster::Link> states() const {
        const std::lock_guard lock(mutex_);
        return states_;
    }

private:
    template <class Function>
    auto on_loop(Function function) -> decltype(function()) {
        std::promise<decltype(function())> result;
        loop_->post([&] { result.set_value(function()); });
        return result.get_future().get();
    }

    mutable std::mutex mutex_;
    std::vector<Message> heard_;
    std::vector<cluster::Link> states_;
    TestServer server_;
    LoopPtr loop_;
    std::unique_ptr<cluster::IPubSub> link_;
    bool started_ = false;
};

}  // namespace cryo::test
