#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/options.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>
#include <cryo/worker_pool.h>

#include "socket_address.h"

namespace cryo::redis {

/// Resolves names without holding up the loop. Loop thread.
class Resolver {
public:
    using Done = UniqueFunction<void(Result<Place>)>;

    Resolver(LoopPtr loop, std::shared_ptr<WorkerPool> pool) : loop_(std::move(loop)), pool_(std::move(pool)) {}

    /// `done` is called from here for a numeric host, else later; never when the loop ends before.
    void resolve(const Address& address, Done done);

private:
    LoopPtr loop_;
    std::shared_ptr<WorkerPool> pool_;
};

/// Finds out where to connect to, before each attempt. Loop thread.
class ILocator {
public:
    using Done = UniqueFunction<void(Result<Place>)>;

    virtual ~ILocator() = default;

    /// `done` is called once, maybe from here, unless the locator is destroyed before.
    virtual void locate(Done done) = 0;
    /// Nobody useful was found at the place it told last.
    virtual void on_failure() {}
    /// The server at the place it told last is in use now.
    virtual void on_success() {}
    /// Has `moved` called when the server is no longer where it was, while it is in use.
    virtual void watch(UniqueFunction<void(std::string_view reason)> moved) { (void)moved; }
};

/// A socket in the file system.
class UnixLocator final : public ILocator {
public:
    explicit UnixLocator(std::string path) : path_(std::move(path)) {}
    void locate(Done done) override { done(unix_place(path_)); }

private:
    std::string path_;
};

/// One or more servers, each as good as the next: goes on to the next one when one fails.
class ListLocator final : public ILocator {
public:
    ListLocator(std::shared_ptr<Resolver> resolver, std::vector<Address> addresses)
        : resolver_(std::move(resolver)), addresses_(std::move(addresses)) {}

    void locate(Done done) override;
    void on_failure() override { current_ = (current_ + 1) % addresses_.size(); }

private:
    std::shared_ptr<Resolver> resolver_;
    std::vector<Address> addresses_;
    std::size_t current_ = 0;
};

}  // namespace cryo::redis
