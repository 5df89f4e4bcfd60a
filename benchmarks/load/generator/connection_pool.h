#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string_view>

#include "generator/connection.h"

namespace load {

/// All connections of a run and the loop that moves them, in one thread. The end of the pool resets them.
class ConnectionPool {
public:
    ConnectionPool(const LoadOptions& options, Listener& listener);
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;
    ~ConnectionPool();

    std::size_t size() const noexcept { return connections_.size(); }
    Connection& operator[](std::size_t index) noexcept { return connections_[index]; }

    /// Opens every connection, some at a time.
    void open_all();
    void reset_all() noexcept;

    enum class Waiting {
        asleep,
        busy,  ///< Keeps asking, so that waking up takes no time.
    };
    /// Moves the connections until `done`, which is asked after each turn. Throws when the server does nothing at all
    /// for 30 seconds. @param doing for that error
    void run_until(const std::function<bool()>& done, std::string_view doing, Waiting waiting = Waiting::asleep);
    /// The same for some time, in which the server need not do anything.
    void idle_for(Clock::duration duration);

private:
    void turn(Waiting waiting);

    class Epoll {
    public:
        Epoll();
        Epoll(const Epoll&) = delete;
        Epoll& operator=(const Epoll&) = delete;
        ~Epoll();
        const int fd;
    };

    Epoll epoll_;
    Workbench bench_;
    std::deque<Connection> connections_;
};

}  // namespace load
