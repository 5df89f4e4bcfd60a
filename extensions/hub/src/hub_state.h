#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/hub/hub.h>

#include "directory.h"
#include "loop_part.h"

namespace cryo::hub {

/// What the parts of a hub share; outlives it for as long as there are subscribers' handles or operations. Any thread.
class HubState : public std::enable_shared_from_this<HubState> {
public:
    explicit HubState(const HubOptions& hub_options) noexcept
        : options(hub_options), directory(hub_options.max_topics) {}

    const HubOptions options;
    Directory directory;
    std::shared_ptr<IRelay> relay{};  ///< Set before the start, if at all.
    std::atomic<std::uint64_t> publications{0};
    std::atomic<std::size_t> subscribers{0};

    void start(const std::vector<LoopPtr>& loops);
    /// Detaches everybody; from now on there is nobody to reach.
    void stop();
    bool running() const noexcept { return life_.load(std::memory_order_acquire) == Life::running; }
    bool started() const noexcept { return life_.load(std::memory_order_acquire) != Life::created; }

    /// The part of the calling thread's loop; null on other threads.
    LoopPart* current() const noexcept;
    /// Empty before the start.
    const std::vector<std::unique_ptr<LoopPart>>& parts() const noexcept;
    /// The loops that may have subscribers of the audience.
    LoopSet loops_of(const Audience& audience) const;

    /// Whether ids, users and sessions are within the limit.
    Result<> check_ids(std::initializer_list<std::string_view> ids) const;

    /// The node's interest has changed.
    void tell_interest(Interest::Kind kind, std::string_view name);

    /// Runs a callback of the user or relay; what it throws is told to `Server::on_error`.
    template <class Callback>
    void fenced(Callback&& callback) noexcept {
        try {
            callback();
        } catch (...) {
            report(std::current_exception());
        }
    }
    void report(std::exception_ptr error) noexcept;

private:
    enum class Life { created, running, stopped };

    std::vector<std::unique_ptr<LoopPart>> parts_{};
    std::atomic<Life> life_{Life::created};
};

}  // namespace cryo::hub
