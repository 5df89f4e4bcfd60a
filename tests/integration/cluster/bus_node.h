#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/cluster/node_bus.h>

#include "support/test_server.h"
#include "support/wait.h"

namespace cryo::test {

/// Short times, but such that a busy machine kills nobody.
inline constexpr std::chrono::milliseconds kHeartbeat{300}, kDeathAfter{3000};
/// When a node that was killed is declared dead (docs/cluster.md): not before, and not later, but for what a busy
/// machine takes to notice.
inline constexpr auto kAliveFor = kDeathAfter - kHeartbeat;
inline constexpr auto kForgottenWithin = kDeathAfter + kHeartbeat / 2 + std::chrono::milliseconds(2000);

inline cluster::BusOptions quick_bus(std::string name) {
    cluster::BusOptions options;
    options.node = std::move(name);
    options.heartbeat_interval = kHeartbeat;
    options.death_after = kDeathAfter;
    return options;
}

/// A server with a bus, and what the bus told. Its methods are for the test's thread.
class BusNode {
public:
    BusNode(cluster::BusOptions options, std::unique_ptr<cluster::IPubSub> backend) {
        auto made = cluster::make_node_bus(std::move(options), std::move(backend));
        if (!made) throw std::runtime_error(made.error().message);
        bus_ = made.value();
        auto opened = bus_->open("test", handlers());
        if (!opened) throw std::runtime_error(opened.error().message);
        port_ = opened.value();
        if (auto added = server_->register_extension(cluster::make_bus_extension(bus_)); !added) {
            throw std::runtime_error(added.error().message);
        }
        server_.start();
    }
    /// Takes leave of the others.
    ~BusNode() { server_.destroy(); }

    cluster::INodeBus& bus() { return *bus_; }
    cluster::IBusPort& port() { return *port_; }
    std::string name() const { return bus_->self().name; }

    bool connected() const { return bus_->health() == cluster::Health::connected; }
    bool knows(const BusNode& other) const { return knows(other.bus_->self()); }
    bool knows(const cluster::NodeId& id) const {
        const auto members = bus_->members();
        return std::find(members.begin(), members.end(), id) != members.end();
    }
    std::optional<cluster::NodeId> member(std::string_view name) const {
        for (const auto& id : bus_->members()) {
            if (id.name == name) return id;
        }
        return std::nullopt;
    }

    SendStatus publish(std::string_view topic, std::string_view text) { return port_->publish(topic, as_bytes(text)); }
    /// Returns once it is in effect.
    bool subscribe(std::string_view topic) {
        const auto inbox = std::make_shared<Inbox<bool>>();
        port_->subscribe(topic, [inbox](Result<> result) { inbox->push(result.ok()); });
        return inbox->next().value_or(false);
    }
    std::optional<cluster::Answers> ask(std::string_view question, cluster::AskOptions options = {}) {
        const auto inbox = std::make_shared<Inbox<cluster::Answers>>();
        port_->ask(as_bytes(question), std::move(options),
                   [inbox](cluster::Answers answers) { inbox->push(std::move(answers)); });
        return inbox->next();
    }

    /// `topic=payload` of publications, `payload` of messages, in the order of arrival.
    std::vector<std::string> heard() const { return copy_of(heard_); }
    std::vector<cluster::MemberEvent> events() const { return copy_of(events_); }
    std::vector<cluster::Health> health() const { return copy_of(health_); }
    bool saw(cluster::MemberEvent::Kind kind, const cluster::NodeId& node) const {
        const auto all = events();
        return std::find(all.begin(), all.end(), cluster::MemberEvent{kind, node}) != all.end();
    }

private:
    template <class T>
    std::vector<T> copy_of(const std::vector<T>& items) const {
        const std::lock_guard lock(mutex_);
        return items;
    }
    template <class T>
    void add(std::vector<T>& items, T item) {
        const std::lock_guard lock(mutex_);
        items.push_back(std::move(item));
    }

    cluster::PortHandlers handlers() {
        cluster::PortHandlers handlers;
        handlers.publication = [this](const cluster::NodeId&, std::string_view topic, Bytes payload) {
            add(heard_, std::string(topic) + '=' + std::string(as_text(payload)));
        };
        handlers.message = [this](const cluster::NodeId&, Bytes payload) {
            add(heard_, std::string(as_text(payload)));
        };
        handlers.question = [this](const cluster::NodeId&, Bytes question, cluster::Answer answer) {
            answer.give(as_bytes(bus_->self().name + ':' + std::string(as_text(question))));
        };
        handlers.member = [this](const cluster::MemberEvent& event) { add(events_, event); };
        handlers.health = [this](cluster::Health health) { add(health_, health); };
        return handlers;
    }

    mutable std::mutex mutex_;
    std::vector<std::string> heard_;
    std::vector<cluster::MemberEvent> events_;
    std::vector<cluster::Health> health_;
    std::shared_ptr<cluster::INodeBus> bus_;
    std::shared_ptr<cluster::IBusPort> port_;
    TestServer server_;
};

}  // namespace cryo::test
