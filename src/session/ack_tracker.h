#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace cryo::session {

using TimePoint = std::chrono::steady_clock::time_point;

/// Data frames that wait for their acks, and the round-trip time these tell.
///
/// Ids come in rising order, with gaps, modulo 2^32. A frame without an ack for the timeout is forgotten and counted;
/// so is the oldest when more than `kMaxPending` wait.
class AckTracker {
public:
    static constexpr std::size_t kMaxPending = 16'384;

    explicit AckTracker(std::chrono::milliseconds timeout) noexcept : timeout_(timeout) {}

    void track(std::uint32_t id, TimePoint now);
    /// An ack of an id that does not wait is ignored.
    void confirm(std::uint32_t id, TimePoint now) noexcept;
    /// Forgets what has waited too long.
    void expire(TimePoint now) noexcept;
    /// Nothing waits: gives the memory back. Not done by `confirm`, which would allocate anew for every message.
    void release_idle_memory() noexcept;

    /// Moving average with weight 0.2 for a new sample; none before the first.
    std::optional<std::chrono::microseconds> rtt() const noexcept;
    std::size_t pending() const noexcept { return pending_; }
    /// Since the start.
    std::uint64_t timeouts() const noexcept { return timeouts_; }

private:
    /// A slot for every id from `first_id_` on: when it was sent, or `kSettled` (acknowledged, or not awaited at all).
    /// The first one is never settled.
    static constexpr TimePoint kSettled = TimePoint::min();

    TimePoint& slot(std::size_t index) noexcept { return slots_[(head_ + index) & (capacity_ - 1)]; }
    void append(TimePoint sent);
    void grow();
    void forget_front() noexcept;
    void drop_settled() noexcept;

    std::unique_ptr<TimePoint[]> slots_;  // ring
    std::uint32_t capacity_ = 0;          // power of two
    std::uint32_t head_ = 0, count_ = 0;
    std::uint32_t first_id_ = 0;
    std::uint32_t pending_ = 0;
    std::chrono::milliseconds timeout_;
    std::uint64_t timeouts_ = 0;
    double rtt_us_ = -1;
};

}  // namespace cryo::session
