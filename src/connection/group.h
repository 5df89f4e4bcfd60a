#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <cryo/connection.h>

#include "connection/publication_queue.h"

namespace cryo::connection {

class FanOut;
class WebSocketConnection;

/// Connections of one loop that are sent the same messages; what `cryo::ConnectionGroup` promises holds. Made by
/// `FanOut::make_group`, whose part of the work this is the data of. Loop thread only.
class Group {
public:
    explicit Group(FanOut& fan_out) noexcept : fan_out_(fan_out) {}
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    bool add(WebSocketConnection& connection);
    bool remove(WebSocketConnection& connection);
    bool contains(const WebSocketConnection& connection) const noexcept;
    std::size_t size() const noexcept { return members_.size() - gaps_; }
    FanOut& fan_out() noexcept { return fan_out_; }
    void send(const PreparedMessage& message, From from, std::span<const Connection* const> except = {});

private:
    friend class Batch;
    friend class FanOut;
    friend class PublicationQueue;
    friend class Receivers;

    static constexpr std::uint32_t kGap = UINT32_MAX;

    /// Places of one member: among all receivers, and among that receiver's memberships.
    struct Member {
        std::uint32_t receiver = kGap;  // kGap: left during a visit
        std::uint32_t membership = 0;
    };

    FanOut& fan_out_;
    std::vector<Member> members_{};
    std::uint32_t gaps_ = 0, visits_ = 0;
    QueuedPublications queued_{};
    std::uint64_t all_idle_at_ = 0;  // FanOut::busied_ when no member was busy
};

/// Leaves what was sent before still owed to the members.
struct DissolveGroup {
    void operator()(Group* group) const noexcept;
};
using GroupPtr = std::unique_ptr<Group, DissolveGroup>;

}  // namespace cryo::connection
