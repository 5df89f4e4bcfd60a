#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <cryo/cluster/node_bus.h>
#include <cryo/hub/hub.h>

namespace cryo::cluster {

/// The bus topic that publications to this go to.
std::string bus_topic(const hub::Target& target);
std::string bus_topic(const hub::Interest& interest);
/// Where all nodes with a hub listen.
inline constexpr std::string_view kEverybodyTopic = "a";

/// Keeps the port's subscriptions the same as the hub's interests, and knows which are not in effect yet.
///
/// Thread safety: any thread. While the node is alone nothing is waited for.
class HubInterests : public std::enable_shared_from_this<HubInterests> {
public:
    HubInterests(std::weak_ptr<hub::Hub> hub, std::shared_ptr<IBusPort> port)
        : hub_(std::move(hub)), port_(std::move(port)) {}

    void changed(const hub::Interest& interest);
    /// Of interests that the hub has; the call to `changed` may come from another thread still.
    void settle(const std::vector<hub::Interest>& interests, UniqueFunction<void()> done);
    void set_alone(bool alone);
    /// Whether what is published to this bus topic comes here.
    bool listens_to(std::string_view topic) const;

private:
    /// One `settle`, counting down.
    struct Settlement {
        std::size_t left = 0;
        UniqueFunction<void()> done{};
    };
    using SettlementPtr = std::shared_ptr<Settlement>;
    struct Pending {
        std::uint64_t generation = 0;
        std::vector<SettlementPtr> waiting{};
    };

    /// With the lock held: the hub is interested.
    Pending& subscribe(const std::string& topic);
    void on_subscribed(const std::string& topic, std::uint64_t generation);
    /// With the lock held; what is done is added to `done`, to be called without it.
    static void release(std::vector<SettlementPtr>& waiting, std::vector<SettlementPtr>& done);

    const std::weak_ptr<hub::Hub> hub_;
    const std::shared_ptr<IBusPort> port_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Pending> pending_;
    std::unordered_set<std::string> told_;  ///< Those subscribed, in effect or not.
    std::uint64_t last_generation_ = 0;
    bool alone_ = true;
};

}  // namespace cryo::cluster
