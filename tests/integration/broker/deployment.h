#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cryo/broker/broker.h>

#include "support/http_client.h"
#include "support/jwt_signer.h"
#include "support/redis_cluster.h"
#include "support/redis_server.h"
#include "support/test_server.h"
#include "support/ws_client.h"

namespace cryo::test {

using Json = nlohmann::json;

/// One process of a broker, as far as others can tell: a server of its own, with its own threads.
class BrokerNode {
public:
    explicit BrokerNode(broker::BrokerOptions options, ServerOptions server = server_options())
        : server_(std::move(server), nullptr) {
        auto created = broker::Broker::create(std::move(options));
        if (!created) throw std::runtime_error(created.error().message);
        broker_ = std::move(*created);
        if (auto installed = broker_->install(*server_); !installed)
            throw std::runtime_error(installed.error().message);
        server_.start();
    }

    static ServerOptions server_options() {
        auto options = TestServer::quick_options();
        options.threads = 2;
        options.drain_timeout = std::chrono::milliseconds(5'000);
        options.http.max_body_bytes = 16u << 20;
        options.max_message_bytes = 16u << 20;
        return options;
    }

    std::uint16_t port() const noexcept { return server_.port(); }
    broker::Broker& broker() noexcept { return *broker_; }
    Server& server() noexcept { return *server_; }
    /// Stops in order.
    void stop() { server_.destroy(); }

private:
    TestServer server_;
    std::shared_ptr<broker::Broker> broker_;
};

/// A client of a broker.
class BrokerClient : public WsClient {
public:
    static constexpr const char* kMarker = "marker";  ///< How texts begin that tell that nothing came before them.

    BrokerClient(std::uint16_t port, const std::string& query) : WsClient(port, "/connect?" + query) {}

    /// What a refused upgrade says.
    Json refusal() const { return Json::parse(answer().body, nullptr, false); }
    /// The next text that is no marker.
    std::string text() {
        for (;;) {
            const auto got = next(kText).value_or("(nothing)");
            if (!got.starts_with(kMarker)) return got;
        }
    }
    /// Whether the next text, other markers apart, is this one.
    bool gets_marker(const std::string& marker) {
        for (;;) {
            const auto got = next(kText).value_or("(nothing)");
            if (got == marker) return true;
            if (!got.starts_with(kMarker)) return false;
        }
    }
    std::string binary() { return next(kBinary).value_or("(nothing)"); }
};

/// A whole broker: in one process, or an API and a worker that share a Redis.
class Deployment {
public:
    enum class Kind { memory, redis, direct, cluster };
    static constexpr const char* kToken = "a token";
    static constexpr const char* kJwtSecret = "a secret of clients";

    using Adjust = std::function<void(broker::BrokerOptions&)>;

    explicit Deployment(Kind kind, const Adjust& adjust = {}) {
        broker::BrokerOptions options{.token = kToken, .jwt_secret = kJwtSecret, .default_channels = {"global"}};
        if (kind == Kind::cluster) {
            cluster_ = std::make_unique<RedisCluster>();
            options.redis.emplace().cluster.emplace().seeds = {{"127.0.0.1", cluster_->node(0).port()}};
        } else if (kind != Kind::memory) {
            redis_ = std::make_unique<RedisServer>();
            options.redis.emplace().address = {"127.0.0.1", redis_->port()};
        }
        if (kind == Kind::direct) {
            options.messaging = broker::Messaging::direct;
            options.direct = {.hostname = "127.0.0.1", .secret = "between us"};
        }
        if (adjust) adjust(options);
        options_ = options;
        if (kind == Kind::memory) {
            nodes_.push_back(std::make_unique<BrokerNode>(options));
            return;
        }
        for (const auto role : {broker::Role::api, broker::Role::worker}) {
            options.role = role;
            nodes_.push_back(std::make_unique<BrokerNode>(options));
        }
    }

    BrokerNode& api() noexcept { return *nodes_.front(); }
    BrokerNode& worker() noexcept { return *nodes_.back(); }
    RedisServer& redis() noexcept { return *redis_; }
    const broker::BrokerOptions& options() const noexcept { return options_; }

    /// Asks the API, with its token.
    HttpAnswer ask(std::string_view method, const std::string& target, std::string_view body = {},
                   std::string_view lines = {}) {
        return ask_at(api().port(), method, target, body,
                      "Authorization: Bearer " + std::string(kToken) + "\r\n" + std::string(lines));
    }
    static HttpAnswer ask_at(std::uint16_t port, std::string_view method, const std::string& target,
                             std::string_view body = {}, std::string_view lines = {}) {
        HttpClient client(port);
        std::string request(method);
        request += ' ' + target + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
        request.append(lines).append("\r\n").append(body);
        return client.ask(request).value_or(HttpAnswer{});
    }
    Json call(std::string_view method, const std::string& target, std::string_view body = {}) {
        return Json::parse(ask(method, target, body).body, nullptr, false);
    }
    Json post(const std::string& target, std::string_view body = {}) { return call("POST", target, body); }
    Json info(const std::string& target) { return call("GET", "/info?" + target); }

    std::string claim(const std::string& query) {
        const auto made = post("/claim?" + query);
        return made.contains("claim") ? made["claim"]["id"].get<std::string>() : "(no claim)";
    }
    BrokerClient connect(const std::string& query) { return {worker().port(), query}; }
    /// Connects with a claim made for this.
    BrokerClient join(const std::string& claim_query) { return connect("claim=" + claim(claim_query)); }

    static std::string token(const std::string& payload) {
        return JwtSigner::with_secret(kJwtSecret).sign(auth::JwtAlgorithm::hs256, payload);
    }

private:
    std::unique_ptr<RedisServer> redis_;
    std::unique_ptr<RedisCluster> cluster_;
    broker::BrokerOptions options_;
    std::vector<std::unique_ptr<BrokerNode>> nodes_;
};

inline std::string to_string(Deployment::Kind kind) {
    constexpr const char* kNames[] = {"Memory", "Redis", "Direct", "Cluster"};
    return kNames[static_cast<int>(kind)];
}
inline std::ostream& operator<<(std::ostream& out, Deployment::Kind kind) { return out << to_string(kind); }

inline const Json kSuccess = {{"success", true}};

}  // namespace cryo::test
