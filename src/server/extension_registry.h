#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include <cryo/extension.h>
#include <cryo/result.h>

#include "extension/pipeline.h"
#include "server/stop_holds.h"

namespace cryo::server {

/// Takes extensions in and out of a server, one at a time, has every loop follow, and leads them through the server's
/// life.
///
/// Thread safety: any thread, but `add`, `remove`, `close` and `Lock` only where `held_by_this_thread` is false.
class ExtensionRegistry {
public:
    struct Parts {
        Server& server;
        /// Gives a new list to every loop and returns when all of them use it.
        std::function<void(const extension::Snapshot&)> spread{};
        /// Returns what takes back the routes and endpoints that were mounted since.
        std::function<std::function<void()>()> mark_routes{};
        /// What an `on_stop` threw. Called only while there are loops.
        std::function<void(std::string_view where, std::exception_ptr)> report{};
        std::chrono::milliseconds drain_timeout{};
    };

    /// Held while the list changes; knows its thread, as the extensions' callbacks, made under it, get the server.
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

    explicit ExtensionRegistry(Parts parts) : parts_(std::move(parts)) {}

    Result<> add(std::shared_ptr<IExtension> extension);
    Result<> remove(std::string_view name);

    /// The loops are there, and run now or once this has returned: `on_start` for all, and for who comes later. After
    /// an error the server has to stop. Under a `Lock`.
    Result<> start_all();
    /// `on_stop` for all that have started and still run, the last one first; no others are taken from now on. On the
    /// first loop, or before it runs; takes no `Lock`, as whoever has it may be waiting for that loop.
    void stop_all();
    /// Whether the loops have to run on.
    bool wants_loops() const noexcept { return holds_.any(); }
    /// Takes leave of all extensions, when no loop runs any more.
    void close();

    bool held_by_this_thread() const noexcept { return owner_ == std::this_thread::get_id(); }
    extension::Snapshot snapshot() const { return pipeline_.snapshot(); }
    /// Exceptions caught from all extensions ever registered.
    std::uint64_t failures() const { return pipeline_.failures(); }

private:
    /// Between `on_start` and `on_unregister`. Its hold is there from the beginning, so that no loop can end before
    /// another one gets to call `on_stop`.
    struct Started {
        std::shared_ptr<IExtension> extension;
        std::optional<StopHold> hold;  // none: handed over to `on_stop`
        std::shared_future<void> hold_gone;
    };

    Result<> introduce(const std::shared_ptr<IExtension>& extension);
    Result<> admit(const std::shared_ptr<IExtension>& extension);
    Result<> start(const std::shared_ptr<IExtension>& extension);
    void stop(const std::shared_ptr<IExtension>& extension);
    void call_on_stop(IExtension& extension, StopHold hold);
    bool stopping() const;

    const Parts parts_;
    extension::Pipeline pipeline_{};
    std::mutex mutex_{};
    std::atomic<std::thread::id> owner_{};
    bool running_ = false;

    StopHolds holds_{};
    mutable std::mutex started_mutex_{};  // never held for long, nor while extensions are called
    std::vector<Started> started_{};      // in order
    bool stopping_ = false;
};

}  // namespace cryo::server
