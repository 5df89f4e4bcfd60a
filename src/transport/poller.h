#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/epoll.h>

namespace cryo::transport {

/// What a `Poller` tells of a descriptor's events.
class Pollable {
public:
    virtual ~Pollable() = default;

    /// @param events epoll's: EPOLLIN, EPOLLOUT ... May come once more after `Poller::remove`, in the same turn.
    virtual void on_events(std::uint32_t events) noexcept = 0;
};

/// One that calls a member function of the object it is part of.
template <class Owner, void (Owner::*Function)() noexcept>
class MemberPollable final : public Pollable {
public:
    explicit MemberPollable(Owner& owner) noexcept : owner_(owner) {}

    void on_events(std::uint32_t) noexcept override { (owner_.*Function)(); }

private:
    Owner& owner_;
};

/// The descriptors of one loop: Linux's epoll. Loop thread only, or before the loop runs.
class Poller {
public:
    Poller() = default;
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    // False: failed, as errno says.
    bool open() noexcept;
    bool add(int descriptor, std::uint32_t events, Pollable& pollable) noexcept;
    bool change(int descriptor, std::uint32_t events, Pollable& pollable) noexcept;
    /// Before the descriptor is closed: a copy of it in a child process would keep it watched.
    void remove(int descriptor) noexcept;

    /// `remove`, and keeps what may still be told of this turn's events until `destroy_removed`.
    void remove(int descriptor, std::unique_ptr<Pollable> pollable);
    /// When a turn has ended.
    void destroy_removed() noexcept { removed_.clear(); }

    /// Waits for events and tells of them. Returns whether there were any.
    /// @param timeout_ms 0: does not wait; -1: for ever
    bool wait(int timeout_ms) noexcept;

    /// Readable while there is something to tell.
    int descriptor() const noexcept { return epoll_; }

private:
    bool control(int operation, int descriptor, std::uint32_t events, Pollable* pollable) noexcept;

    int epoll_ = -1;
    std::array<epoll_event, 1024> events_;
    std::vector<std::unique_ptr<Pollable>> removed_;
};

}  // namespace cryo::transport
