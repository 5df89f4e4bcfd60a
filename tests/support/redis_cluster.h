#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/redis_server.h"
#include "support/wait.h"

namespace cryo::test {

/// A master with a replica, and Sentinels that watch over them.
class RedisReplicaSet {
public:
    static constexpr const char* kName = "main";

    /// @param arguments more options of both servers
    explicit RedisReplicaSet(int sentinels = 1, const RedisServer::Arguments& arguments = {},
                             const RedisServer::Arguments& sentinel_arguments = {})
        : first_(arguments) {
        auto replica = arguments;
        replica.insert(replica.end(), {"--replicaof", "127.0.0.1 " + std::to_string(first_.public_port())});
        second_ = std::make_unique<RedisServer>(std::move(replica));
        wait([this] { return second_->command({"ROLE"}).find("connected") != std::string::npos; });
        for (int i = 0; i < sentinels; ++i) {
            sentinels_.push_back(
                RedisServer::sentinel(kName, first_.public_port(), sentinels / 2 + 1, sentinel_arguments));
        }
        for (const auto& sentinel : sentinels_) {
            wait([&] {
                return sentinel->command({"SENTINEL", "REPLICAS", kName}).find("127.0.0.1") != std::string::npos &&
                       (sentinels == 1 || sentinel->command({"SENTINEL", "CKQUORUM", kName}).starts_with("OK"));
            });
        }
    }

    RedisServer& first() noexcept { return first_; }     ///< The master at first.
    RedisServer& second() noexcept { return *second_; }  ///< Its replica at first.
    RedisServer& sentinel(std::size_t index) { return *sentinels_.at(index); }
    std::size_t sentinels() const noexcept { return sentinels_.size(); }

    /// Has the replica made the master; false when that does not happen.
    bool fail_over() {
        auto& sentinel = *sentinels_.front();
        const bool asked = eventually([&] { return sentinel.command({"SENTINEL", "FAILOVER", kName}) == "OK"; });
        return asked && eventually([this] { return second_->command({"ROLE"}).starts_with("master"); });
    }

private:
    template <class Condition>
    static void wait(Condition condition) {
        if (!eventually(condition)) throw std::runtime_error("the replica set does not form");
    }

    RedisServer first_;
    std::unique_ptr<RedisServer> second_;
    std::vector<std::unique_ptr<RedisServer>> sentinels_;
};

/// A cluster of masters that have the slots in equal parts, and one replica each if asked for.
class RedisCluster {
public:
    static constexpr std::size_t kSlots = 16'384;

    explicit RedisCluster(std::size_t masters = 3, bool with_replicas = false,
                          const RedisServer::Arguments& arguments = {}) {
        const std::size_t nodes = with_replicas ? 2 * masters : masters;
        for (std::size_t i = 0; i < nodes; ++i) add_server(arguments);
        for (std::size_t i = 0; i < masters; ++i) {
            auto& node = *nodes_[i];
            const std::size_t first = kSlots * i / masters;
            const std::size_t last = kSlots * (i + 1) / masters - 1;
            node.command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
            node.command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
        }
        for (std::size_t i = 1; i < nodes; ++i) meet(*nodes_[i], bus_ports_[i]);
        for (std::size_t i = masters; i < nodes; ++i) replicate(*nodes_[i], *nodes_[i - masters]);
        wait([this] { return is_whole(); });
    }

    RedisServer& node(std::size_t index) { return *nodes_.at(index); }
    std::size_t size() const noexcept { return nodes_.size(); }

    void stop() {
        for (const auto& node : nodes_) node->stop();
    }
    /// Starts those that do not run; returns once the cluster is whole, and what was published before has arrived.
    void start() {
        for (const auto& node : nodes_) node->start();
        wait([this] { return is_whole(); });
        wait([this] { return passes_on(); });
    }

    /// Another master, without slots.
    RedisServer& add_master() {
        add_server({});
        meet(*nodes_.back(), bus_ports_.back());
        wait([this] { return is_whole(); });
        return *nodes_.back();
    }

    /// Has a replica made the master of its shard, so that nothing is lost; false when that does not happen.
    /// @param meanwhile called again and again until then
    static bool fail_over(
        RedisServer& replica, const std::function<void()>& meanwhile = [] {}) {
        using Clock = std::chrono::steady_clock;
        constexpr std::chrono::seconds until_given_up{5};  // by Redis, when the other nodes did not agree
        auto ask_at = Clock::now();
        return eventually([&] {
            meanwhile();
            if (replica.command({"ROLE"}).starts_with("master")) return true;
            if (Clock::now() < ask_at) return false;
            if (replica.command({"CLUSTER", "FAILOVER"}) == "OK") ask_at = Clock::now() + until_given_up;
            return false;
        });
    }

    static std::string id_of(RedisServer& node) { return node.command({"CLUSTER", "MYID"}); }

    // -- a slot on its way, step by step -----------------------------------------------------------------------------

    static void begin_move(std::size_t slot, RedisServer& from, RedisServer& to) {
        expect_ok(to.command({"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", id_of(from)}));
        expect_ok(from.command({"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", id_of(to)}));
    }
    static void move_key(const std::string& key, RedisServer& from, RedisServer& to) {
        expect_ok(from.command({"MIGRATE", "127.0.0.1", std::to_string(to.port()), key, "0", "10000"}));
    }
    void end_move(std::size_t slot, RedisServer& to) {
        const std::string id = id_of(to);
        expect_ok(to.command({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id}));
        for (const auto& node : nodes_) {
            if (node->command({"ROLE"}).starts_with("master")) {
                node->command({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id});
            }
        }
    }

    /// Every node that runs takes the cluster for whole, and knows all of them.
    bool is_whole() {
        for (const auto& node : nodes_) {
            const std::string info = node->command({"CLUSTER", "INFO"});
            if (info == "(none)") continue;
            if (info.find("cluster_state:ok") == std::string::npos ||
                info.find("cluster_known_nodes:" + std::to_string(nodes_.size()) + "\r") == std::string::npos) {
                return false;
            }
        }
        return true;
    }

private:
    /// Whether each node hears what is published on each; nodes keep the order of what they pass on.
    bool passes_on() {
        const std::string channel = "passes-on-" + std::to_string(++rounds_);
        std::vector<std::unique_ptr<redisContext, decltype(&redisFree)>> listeners;
        const timeval patience{.tv_sec = 1, .tv_usec = 0};
        for (const auto& node : nodes_) {
            auto& listener =
                listeners.emplace_back(redisConnectWithTimeout("127.0.0.1", node->port(), patience), redisFree);
            if (!listener || listener->err) return false;
            redisSetTimeout(listener.get(), patience);
            freeReplyObject(redisCommand(listener.get(), "SUBSCRIBE %s", channel.c_str()));
        }
        for (const auto& node : nodes_) node->command({"PUBLISH", channel, "x"});
        for (const auto& listener : listeners) {
            for (std::size_t i = 0; i < nodes_.size(); ++i) {
                void* reply = nullptr;
                if (redisGetReply(listener.get(), &reply) != REDIS_OK) return false;
                freeReplyObject(reply);
            }
        }
        return true;
    }

    void add_server(const RedisServer::Arguments& arguments) {
        bus_ports_.push_back(free_port());
        RedisServer::Arguments all{"--cluster-enabled",      "yes",
                                   "--cluster-node-timeout", "2000",
                                   "--cluster-port",         std::to_string(bus_ports_.back())};
        all.insert(all.end(), arguments.begin(), arguments.end());
        nodes_.push_back(std::make_unique<RedisServer>(std::move(all)));
    }

    void meet(RedisServer& node, std::uint16_t bus_port) {
        expect_ok(nodes_.front()->command(
            {"CLUSTER", "MEET", "127.0.0.1", std::to_string(node.public_port()), std::to_string(bus_port)}));
    }

    static void replicate(RedisServer& node, RedisServer& master) {
        const std::string id = id_of(master);
        wait([&] { return node.command({"CLUSTER", "REPLICATE", id}) == "OK"; });
        wait([&] { return node.command({"ROLE"}).find("connected") != std::string::npos; });
    }

    static void expect_ok(const std::string& answer) {
        if (answer != "OK") throw std::runtime_error("the cluster answers " + answer);
    }

    template <class Condition>
    static void wait(Condition condition) {
        if (!eventually(condition)) throw std::runtime_error("the cluster does not form");
    }

    int rounds_ = 0;
    std::vector<std::uint16_t> bus_ports_;
    std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace cryo::test
