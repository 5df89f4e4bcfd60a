#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cryo/redis/pub_sub.h>

#include "integration/cluster/bus_backend.h"
#include "support/redis_cluster.h"
#include "support/redis_server.h"
#include "support/tcp_proxy.h"

namespace cryo::test {

/// With short times.
inline redis::Options quick_redis() {
    redis::Options options;
    options.connect_timeout = std::chrono::milliseconds(2000);
    options.command_timeout = std::chrono::milliseconds(1500);
    options.ping_interval = std::chrono::milliseconds(500);
    options.retry_max = std::chrono::milliseconds(200);
    return options;
}

inline std::unique_ptr<cluster::IPubSub> connect_redis(redis::Options options, redis::PubSubOptions pub_sub = {}) {
    auto made = redis::make_pub_sub(std::move(options), pub_sub);
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(made).value();
}

inline redis::Address loopback(std::uint16_t port) { return {.host = "127.0.0.1", .port = port}; }

enum class RedisKind { single, cluster, sharded };

inline std::string name_of(RedisKind kind) {
    return kind == RedisKind::single ? "single" : kind == RedisKind::cluster ? "cluster" : "sharded";
}

/// A connection to the server, or to the cluster's node, on a port.
inline std::unique_ptr<cluster::IPubSub> connect_redis(RedisKind kind, std::uint16_t port) {
    auto options = quick_redis();
    options.address = loopback(port);
    if (kind != RedisKind::single) options.cluster = redis::ClusterOptions{.seeds = {loopback(port)}};
    return connect_redis(std::move(options), {.sharded = kind == RedisKind::sharded});
}

/// A cluster whose servers go on from test to test; each connection reaches every node through a proxy of its own.
class RedisClusterBackend final : public BusBackend {
public:
    RedisClusterBackend(RedisKind kind, std::string program) : kind_(kind), program_(std::move(program)) {
        cluster().start();
    }

    std::unique_ptr<cluster::IPubSub> connect() override {
        auto& proxies = connections_.emplace_back();
        std::map<std::uint16_t, std::uint16_t> ports;
        for (std::size_t i = 0; i < cluster().size(); ++i) {
            proxies.push_back(std::make_unique<TcpProxy>(cluster().node(i).port()));
            ports[cluster().node(i).port()] = proxies.back()->port();
        }
        auto options = quick_redis();
        // Each connection at another node, so that messages have a way to go.
        const std::size_t first = connections_.size() % proxies.size();
        options.cluster = redis::ClusterOptions{.seeds = {loopback(proxies[first]->port())}};
        options.translate = [ports](const redis::Address& address) {
            const auto found = ports.find(address.port);
            return found == ports.end() ? address : loopback(found->second);
        };
        return connect_redis(std::move(options), {.sharded = kind_ == RedisKind::sharded});
    }
    void cut(std::size_t connection) override { set(connection, TcpProxy::Mode::cut); }
    void silence(std::size_t connection) override { set(connection, TcpProxy::Mode::silent); }
    void restore(std::size_t connection) override { set(connection, TcpProxy::Mode::open); }
    void stop_server() override { cluster().stop(); }
    void start_server() override { cluster().start(); }
    std::vector<std::string> node_program() const override {
        return {program_, name_of(kind_), std::to_string(cluster().node(0).port())};
    }

private:
    static RedisCluster& cluster() {
        static RedisCluster shared;
        return shared;
    }

    void set(std::size_t connection, TcpProxy::Mode mode) {
        for (auto& proxy : connections_.at(connection)) proxy->set(mode);
    }

    const RedisKind kind_;
    const std::string program_;
    std::vector<std::vector<std::unique_ptr<TcpProxy>>> connections_;
};

/// One server, anew for each test.
class RedisBackend final : public BusBackend {
public:
    explicit RedisBackend(std::string program)
        : server_([](std::uint16_t port) { return connect_redis(RedisKind::single, port); }, std::move(program)) {}

    std::unique_ptr<cluster::IPubSub> connect() override { return server_.connect(); }
    void cut(std::size_t connection) override { server_.cut(connection); }
    void silence(std::size_t connection) override { server_.silence(connection); }
    void restore(std::size_t connection) override { server_.restore(connection); }
    void stop_server() override { server_.stop_server(); }
    void start_server() override { server_.start_server(); }
    std::vector<std::string> node_program() const override {
        auto program = server_.node_program();
        program.insert(program.begin() + 1, name_of(RedisKind::single));
        return program;
    }

private:
    ServerBackend<RedisServer> server_;
};

}  // namespace cryo::test
