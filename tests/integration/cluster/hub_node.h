#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/cluster/hub_link.h>

#include "integration/cluster/bus_node.h"

namespace cryo::test {

/// A receiver that notes what it gets; any thread may look.
class NotingReceiver final : public hub::IReceiver {
public:
    std::function<void()> on_delivery{};  ///< On the loop of the receiver.

    SendStatus deliver(const PreparedMessage& message) override {
        {
            const std::lock_guard lock(mutex_);
            got_.emplace_back(as_text(message.payload()));
        }
        if (on_delivery) on_delivery();
        return SendStatus::sent;
    }
    void close(std::uint16_t code, std::string_view) override { close_code_ = code; }
    bool is_open() const noexcept override { return close_code_ == 0; }
    std::string_view remote_address() const noexcept override { return "192.0.2.7"; }

    std::vector<std::string> got() const {
        const std::lock_guard lock(mutex_);
        return got_;
    }
    int close_code() const noexcept { return close_code_; }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> got_;
    std::atomic<int> close_code_{0};
};

/// A server with a hub that is joined to others. Its methods are for the test's thread.
class HubNode {
public:
    struct Peer {
        std::shared_ptr<NotingReceiver> receiver;
        hub::SubscriberPtr subscriber;

        std::vector<std::string> got() const { return receiver->got(); }
    };

    HubNode(cluster::BusOptions options, std::unique_ptr<cluster::IPubSub> backend) {
        bus_ = cluster::make_node_bus(std::move(options), std::move(backend)).value();
        hub_ = hub::Hub::create().value();
        const auto linked = cluster::link_hub(hub_, *bus_);
        if (!linked) throw std::runtime_error(linked.error().message);
        for (const auto& extension : {cluster::make_bus_extension(bus_), std::shared_ptr<IExtension>(hub_)}) {
            const auto added = server_->register_extension(extension);
            if (!added) throw std::runtime_error(added.error().message);
        }
        server_.start();
    }
    ~HubNode() { server_.destroy(); }

    hub::Hub& hub() { return *hub_; }
    cluster::INodeBus& bus() { return *bus_; }
    bool connected() const { return bus_->health() == cluster::Health::connected; }

    /// Attaches, and returns when all of it is in effect.
    Peer attach(hub::Attachment attachment) {
        auto receiver = std::make_shared<NotingReceiver>();
        const auto settled = std::make_shared<Inbox<bool>>();
        hub::SubscriberPtr subscriber;
        on_loop([&] {
            auto attached = hub_->attach(receiver, std::move(attachment));
            if (!attached) return;
            (*attached)->settle([settled] { settled->push(true); });
            subscriber = std::move(*attached);
        });
        if (!subscriber || !settled->next()) throw std::runtime_error("not attached");
        return {std::move(receiver), std::move(subscriber)};
    }
    /// The same for many with these topics, all at once.
    std::vector<Peer> attach_many(std::size_t count, const std::vector<std::string>& topics) {
        std::vector<Peer> peers(count);
        const auto settled = std::make_shared<Inbox<bool>>();
        on_loop([&] {
            for (auto& peer : peers) {
                peer.receiver = std::make_shared<NotingReceiver>();
                peer.subscriber = hub_->attach(peer.receiver, {.topics = topics}).value();
                peer.subscriber->settle([settled] { settled->push(true); });
            }
        });
        for (std::size_t i = 0; i < count; ++i) {
            if (!settled->next()) throw std::runtime_error("not attached");
        }
        return peers;
    }
    /// Does something on the loop that receivers are on, and returns when it is done.
    void on_loop(const std::function<void()>& task) {
        std::promise<void> done;
        server_->loops().front()->post([&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

    void publish(hub::Audience audience, std::string_view text) {
        hub_->publish(std::move(audience), PreparedMessage::text(text));
    }
    hub::Outcome publish_and_wait(hub::Audience audience, std::string_view text) {
        return wait([&](hub::OutcomeHandler done) {
            hub_->publish(std::move(audience), PreparedMessage::text(text), std::move(done));
        });
    }
    hub::Outcome count(hub::Audience audience) {
        return wait([&](hub::OutcomeHandler done) { hub_->count(std::move(audience), std::move(done)); });
    }
    hub::Outcome disconnect(hub::Audience audience, std::uint16_t code) {
        return wait(
            [&](hub::OutcomeHandler done) { hub_->disconnect(std::move(audience), code, {}, std::move(done)); });
    }
    hub::Outcome change(hub::TopicChange change) {
        return wait([&](hub::OutcomeHandler done) { hub_->change(std::move(change), std::move(done)); });
    }
    hub::Listing list(hub::Audience audience) {
        const auto inbox = std::make_shared<Inbox<hub::Listing>>();
        hub_->list(std::move(audience), [inbox](hub::Listing listing) { inbox->push(std::move(listing)); });
        return inbox->next().value_or(hub::Listing{.complete = false});
    }
    hub::TopicListing list_topics(std::string prefix) {
        const auto inbox = std::make_shared<Inbox<hub::TopicListing>>();
        hub_->list_topics(std::move(prefix), [inbox](hub::TopicListing listing) { inbox->push(std::move(listing)); });
        return inbox->next().value_or(hub::TopicListing{.complete = false});
    }

private:
    template <class Call>
    static hub::Outcome wait(Call call) {
        const auto inbox = std::make_shared<Inbox<hub::Outcome>>();
        call([inbox](hub::Outcome outcome) { inbox->push(outcome); });
        return inbox->next().value_or(hub::Outcome{0, false});
    }

    std::shared_ptr<cluster::INodeBus> bus_;
    std::shared_ptr<hub::Hub> hub_;
    TestServer server_;
};

}  // namespace cryo::test
