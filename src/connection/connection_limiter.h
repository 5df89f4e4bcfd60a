#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <cryo/options.h>

namespace cryo::connection {

/// Counts a server's sockets and WebSocket connections, and says when there are enough.
///
/// Thread safety: any thread.
class ConnectionLimiter {
public:
    explicit ConnectionLimiter(const ServerOptions& options) noexcept
        : max_connections_(options.max_connections),
          max_sessions_(options.max_sessions),
          max_sessions_per_ip_(options.max_sessions_per_ip) {}

    /// One more socket; false when that is too many. Each true is to be followed by one `leave`.
    bool enter() noexcept;
    void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }

    enum class Verdict { admitted, too_many, too_many_of_address };
    /// One more WebSocket connection. Each `admitted` is to be followed by one `release` of the same address.
    Verdict admit(const std::string& address);
    void release(const std::string& address);

    std::size_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }
    std::size_t sessions() const noexcept { return sessions_.load(std::memory_order_relaxed); }

private:
    const std::size_t max_connections_, max_sessions_, max_sessions_per_ip_;
    std::atomic<std::size_t> connections_{0}, sessions_{0};
    std::mutex mutex_{};
    std::unordered_map<std::string, std::size_t> by_address_{};  // only when there is a limit for them
};

}  // namespace cryo::connection
