#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cryo/cluster/node_bus.h>

#include "support/test_server.h"
#include "support/wait.h"

namespace bench {

using Clock = std::chrono::steady_clock;

inline std::int64_t nanoseconds_now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

/// A server with one loop and a bus. Messages carry the time at which they were published.
class Node {
public:
    Node(std::string name, std::unique_ptr<cryo::cluster::IPubSub> backend) {
        cryo::cluster::BusOptions options;
        options.node = std::move(name);
        bus_ = cryo::cluster::make_node_bus(std::move(options), std::move(backend)).value();
        cryo::cluster::PortHandlers handlers;
        handlers.publication = [this](const cryo::cluster::NodeId&, std::string_view, cryo::Bytes payload) {
            std::int64_t sent = 0;
            std::memcpy(&sent, payload.data(), sizeof sent);
            latencies_.push_back(nanoseconds_now() - sent);
            arrived_.fetch_add(1, std::memory_order_release);
        };
        port_ = bus_->open("bench", std::move(handlers)).value();
        if (!server_->register_extension(cryo::cluster::make_bus_extension(bus_))) throw std::runtime_error("bus");
        server_.start();
        if (!cryo::test::eventually([&] { return bus_->health() == cryo::cluster::Health::connected; })) {
            throw std::runtime_error("the bus does not connect");
        }
    }
    ~Node() { server_.destroy(); }

    void subscribe(std::string_view topic) {
        const auto done = std::make_shared<cryo::test::Inbox<bool>>();
        port_->subscribe(topic, [done](const cryo::Result<>& result) { done->push(result.ok()); });
        if (!done->next().value_or(false)) throw std::runtime_error("cannot subscribe");
    }
    /// On this node's loop, `count` times in one turn.
    void publish(std::string topic, std::size_t bytes, int count = 1) {
        server_->loops().front()->post([this, to = std::move(topic), bytes, count] {
            std::vector<std::byte> payload(bytes);
            for (int i = 0; i < count; ++i) {
                const auto now = nanoseconds_now();
                std::memcpy(payload.data(), &now, sizeof now);
                port_->publish(to, payload);
            }
        });
    }

    std::size_t arrived() const noexcept { return arrived_.load(std::memory_order_acquire); }
    /// When nothing is on its way.
    std::vector<std::int64_t> take_latencies() {
        arrived_ = 0;
        return std::exchange(latencies_, {});
    }

private:
    std::shared_ptr<cryo::cluster::INodeBus> bus_;
    std::shared_ptr<cryo::cluster::IBusPort> port_;
    std::vector<std::int64_t> latencies_;  ///< The loop's, and the test's when nothing is on its way.
    std::atomic<std::size_t> arrived_{0};
    cryo::test::TestServer server_;
};

}  // namespace bench
