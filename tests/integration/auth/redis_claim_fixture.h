#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <cryo/auth/redis_claim_store.h>

#include "support/claim_store_caller.h"
#include "support/redis_server.h"
#include "support/test_server.h"

namespace cryo::test {

inline std::chrono::sys_seconds real_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

inline redis::Options redis_options(const RedisServer& server) {
    redis::Options options;
    options.address = {.host = "127.0.0.1", .port = server.port()};
    options.retry_max = std::chrono::milliseconds(100);
    options.command_timeout = kPatience;
    return options;
}

/// A claim store on a loop of its own.
class RedisStore {
public:
    explicit RedisStore(redis::Options options, auth::ClaimStoreOptions store_options = {.limits = kSmallClaimLimits})
        : server_(TestServer::quick_options(), nullptr) {
        server_.start();
        const LoopPtr loop = server_->loops().front();
        Inbox<std::shared_ptr<IClaimStore>> made;
        loop->post([&] {
            auto client = redis::Client::create(loop, std::move(options));
            if (!client) return made.push(nullptr);
            made.push(auth::make_redis_claim_store(std::move(client).value(), std::move(store_options)));
        });
        claims_ = made.next().value_or(nullptr);
        if (!claims_) throw std::runtime_error("no client of Redis");
    }

    IClaimStore& operator*() noexcept { return *claims_; }
    std::shared_ptr<IClaimStore>& pointer() noexcept { return claims_; }
    /// Returns once what was asked for has left.
    void finish_turn() {
        const LoopPtr loop = server_->loops().front();
        Inbox<bool> finished;
        loop->post([&] { loop->at_turn_end([&] { finished.push(true); }); });
        finished.next();
    }
    /// Ends the loop.
    void end() { server_.destroy(); }

private:
    TestServer server_;
    std::shared_ptr<IClaimStore> claims_;
};

/// Claims end by the clock of Redis, which is that of this machine.
struct RealTime {
    std::chrono::sys_seconds now() const { return real_now(); }
    void wait_until(std::chrono::sys_seconds moment) {
        std::this_thread::sleep_until(std::chrono::system_clock::time_point(moment) + std::chrono::milliseconds(50));
    }
};

}  // namespace cryo::test
