#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <cryo/unique_function.h>

namespace cryo::transport {

using Clock = std::chrono::steady_clock;

class TimerWheel;

namespace detail {

/// A ring of timers; a node that is alone points at itself.
struct TimerLink {
    TimerLink* prev = this;
    TimerLink* next = this;

    TimerLink() = default;
    TimerLink(const TimerLink&) = delete;
    TimerLink& operator=(const TimerLink&) = delete;

    bool alone() const noexcept { return next == this; }
    void unlink() noexcept;
    void insert_before(TimerLink& position) noexcept;
};

}  // namespace detail

/// A timeout that lives inside the object it belongs to: no allocation, O(1) to start and cancel.
/// Destroying it cancels it. Loop thread only.
class Timer : private detail::TimerLink {
public:
    Timer() = default;
    virtual ~Timer() { cancel(); }

    bool armed() const noexcept { return !alone(); }
    void cancel() noexcept { unlink(); }

protected:
    /// The time has come; the timer is no longer armed and may be started again, or destroyed, from here.
    virtual void on_timeout() noexcept = 0;

private:
    friend class TimerWheel;
    std::uint64_t due_tick_ = 0;
};

/// A timer that calls a member function of the object it is part of.
/// @code
///   class Connection { void on_idle() noexcept; MemberTimer<Connection, &Connection::on_idle> idle_{*this}; };
/// @endcode
template <class Owner, void (Owner::*Function)() noexcept>
class MemberTimer final : public Timer {
public:
    explicit MemberTimer(Owner& owner) noexcept : owner_(owner) {}

private:
    void on_timeout() noexcept override { (owner_.*Function)(); }

    Owner& owner_;
};

/// All timeouts of one loop: a hashed timing wheel, coarse (16 ms) and O(1) whatever their number.
///
/// A timer never fires early, and about one slot late at most. It has no thread and reads no clock but the one it is
/// given: whoever owns it calls `advance` at `next_expiry`.
class TimerWheel {
public:
    using Now = UniqueFunction<Clock::time_point()>;

    static constexpr std::chrono::milliseconds kSlotWidth{16};
    static constexpr std::size_t kSlots = 512;

    explicit TimerWheel(Now now);
    /// Timers that are still armed are cancelled.
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Arms `timer`, or moves it when it is armed. A negative delay counts as zero; the next slot fires it.
    void start(Timer& timer, std::chrono::milliseconds delay);

    void cancel_all() noexcept;

    /// Fires what is due at `now`.
    void advance(Clock::time_point now);

    /// When to call `advance` next: not later than the earliest timer is due. With none, nothing.
    /// A timer of more than one rotation (8 s) asks for one call per rotation that fires nothing.
    std::optional<Clock::time_point> next_expiry();
    /// Whether any was started since the last call, so that `next_expiry` may have become earlier.
    bool take_started() noexcept { return std::exchange(started_, false); }

private:
    std::uint64_t tick_of(Clock::time_point time) const noexcept;
    void fire_slot(std::size_t slot);

    Now now_;
    Clock::time_point origin_;
    std::uint64_t tick_ = 0;  ///< Everything due up to here has fired.
    bool started_ = false;
    std::array<detail::TimerLink, kSlots> slots_;
    std::array<std::uint64_t, kSlots / 64> occupied_{};  ///< May claim a slot that cancelling has emptied.
};

}  // namespace cryo::transport
