#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include <cryo/extension.h>
#include <cryo/result.h>

#include "extension/pipeline.h"

namespace cryo::server {

/// Takes extensions in and out of a server, one at a time, and has every loop follow.
///
/// Thread safety: any thread, but `add`, `remove`, `close` and `Lock` only where `held_by_this_thread` is false.
class ExtensionRegistry {
public:
    /// Gives a new list to every loop and returns when all of them use it.
    using Spread = std::function<void(const extension::Snapshot&)>;

    /// Held while the list changes; knows its thread, as `on_register` and `on_unregister`, called under it, get the
    /// server.
    class Lock {
    public:
        explicit Lock(ExtensionRegistry& registry);
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

    private:
        ExtensionRegistry& registry_;
        std::lock_guard<std::mutex> guard_;
    };

    ExtensionRegistry(Server& server, Spread spread) : server_(server), spread_(std::move(spread)) {}

    Result<> add(std::shared_ptr<IExtension> extension);
    Result<> remove(std::string_view name);
    /// Takes leave of all extensions, when no loop runs any more; no others are taken from now on.
    void close();

    bool held_by_this_thread() const noexcept { return owner_ == std::this_thread::get_id(); }
    extension::Snapshot snapshot() const { return pipeline_.snapshot(); }
    /// Exceptions caught from all extensions ever registered.
    std::uint64_t failures() const { return pipeline_.failures(); }

private:
    Result<> fenced_on_register(IExtension& extension);

    Server& server_;
    const Spread spread_;
    extension::Pipeline pipeline_{};
    std::mutex mutex_{};
    std::atomic<std::thread::id> owner_{};
    bool closed_ = false;
};

}  // namespace cryo::server
