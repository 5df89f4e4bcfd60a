#include "outlet.h"

#include <type_traits>

namespace cryo::hub {
namespace {

/// Calls `use` with the receiver, as what it is, if it is still there; else returns `otherwise`.
template <class Receiver, class Result, class Use>
Result with(const Receiver& receiver, Result otherwise, Use&& use) {
    return std::visit(
        [&](const auto& weak) -> Result {
            if constexpr (std::is_same_v<std::decay_t<decltype(weak)>, std::monostate>) {
                return otherwise;
            } else {
                const auto alive = weak.lock();
                return alive ? use(*alive) : otherwise;
            }
        },
        receiver);
}

bool is_delivered(SendStatus status) noexcept { return status == SendStatus::sent || status == SendStatus::queued; }

Outlet::Sent counted_by_itself(SendStatus status) noexcept {
    return {.delivered = is_delivered(status), .dropped = status == SendStatus::closed};
}

Outlet::Sent deliver(Connection& connection, const PreparedMessage& message) {
    return counted_by_itself(connection.send(message));
}
Outlet::Sent deliver(Session& session, const PreparedMessage& message) {
    return counted_by_itself(session.send(message));
}
Outlet::Sent deliver(IReceiver& receiver, const PreparedMessage& message) {
    const bool delivered = is_delivered(receiver.deliver(message));
    return {.delivered = delivered, .dropped = !delivered};
}

using Heard = std::optional<std::chrono::steady_clock::time_point>;
Heard heard(const Connection& connection) { return connection.stats().last_heard; }
Heard heard(const Session& session) { return session.stats().connection.last_heard; }
Heard heard(const IReceiver& receiver) { return receiver.last_heard(); }

}  // namespace

std::shared_ptr<const void> Outlet::keep() const noexcept {
    return std::visit(
        [](const auto& weak) -> std::shared_ptr<const void> {
            if constexpr (std::is_same_v<std::decay_t<decltype(weak)>, std::monostate>) {
                return nullptr;
            } else {
                return weak.lock();
            }
        },
        receiver_);
}

bool Outlet::is_open() const noexcept {
    return with(receiver_, false, [](auto& receiver) { return receiver.is_open(); });
}

ConnectionPtr Outlet::connection() const noexcept {
    const auto* const weak = std::get_if<std::weak_ptr<Connection>>(&receiver_);
    return weak ? weak->lock() : nullptr;
}

Outlet::Sent Outlet::send(const PreparedMessage& message) {
    return with(receiver_, Sent{.dropped = true}, [&](auto& receiver) { return deliver(receiver, message); });
}

void Outlet::count_drops_in(const std::shared_ptr<std::atomic<std::uint64_t>>& counter) {
    with(receiver_, 0, [&](auto& receiver) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(receiver)>, IReceiver>) receiver.count_drops_in(counter);
        return 0;
    });
}

void Outlet::close(std::uint16_t code, std::string_view reason) {
    with(receiver_, 0, [&](auto& receiver) {
        if constexpr (std::is_same_v<std::decay_t<decltype(receiver)>, Session>) {
            receiver.close(static_cast<CloseCode>(code), reason);
        } else {
            receiver.close(code, reason);
        }
        return 0;
    });
}

std::string Outlet::remote_address() const {
    return with(receiver_, std::string(), [](auto& receiver) { return std::string(receiver.remote_address()); });
}

std::optional<std::chrono::steady_clock::time_point> Outlet::last_heard() const {
    return with(receiver_, Heard(), [](auto& receiver) { return heard(receiver); });
}

}  // namespace cryo::hub
