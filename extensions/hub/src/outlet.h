#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <cryo/connection.h>
#include <cryo/hub/receiver.h>
#include <cryo/session.h>

namespace cryo::hub {

/// A subscriber's receiver, of whichever kind, which it does not keep alive; none before it is bound. Loop thread only.
class Outlet {
public:
    Outlet() = default;
    explicit Outlet(Connection& connection) : receiver_(connection.weak_from_this()) {}
    explicit Outlet(Session& session) : receiver_(session.weak_from_this()) {}
    explicit Outlet(const std::shared_ptr<IReceiver>& receiver) : receiver_(std::weak_ptr(receiver)) {}

    /// Keeps the receiver in memory: with it may go the last handle of its subscriber, which is then dropped.
    std::shared_ptr<const void> keep() const noexcept;
    bool bound() const noexcept { return receiver_.index() != 0; }
    bool is_open() const noexcept;
    /// Null: it is no plain connection, or gone.
    ConnectionPtr connection() const noexcept;

    /// Drops that the receiver counts by itself are not told: see `count_drops_in`.
    struct Sent {
        bool delivered = false;  ///< Handed over: it has left, or waits to.
        bool dropped = false;
    };
    Sent send(const PreparedMessage& message);
    void count_drops_in(const std::shared_ptr<std::atomic<std::uint64_t>>& counter);
    void close(std::uint16_t code, std::string_view reason);
    std::string remote_address() const;
    std::optional<std::chrono::steady_clock::time_point> last_heard() const;

private:
    std::variant<std::monostate, std::weak_ptr<Connection>, std::weak_ptr<Session>, std::weak_ptr<IReceiver>>
        receiver_{};
};

}  // namespace cryo::hub
