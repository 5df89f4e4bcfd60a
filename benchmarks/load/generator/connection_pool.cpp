#include "generator/connection_pool.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include <sys/epoll.h>
#include <unistd.h>

namespace load {
namespace {

constexpr std::size_t kMaxPending = 256;
constexpr std::size_t kMaxEvents = 512;
constexpr int kMaxSleepMs = 10;
constexpr std::chrono::seconds kPatience(30);

}  // namespace

ConnectionPool::Epoll::Epoll() : fd(epoll_create1(EPOLL_CLOEXEC)) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

ConnectionPool::Epoll::~Epoll() { close(fd); }

ConnectionPool::ConnectionPool(const LoadOptions& options, Listener& listener) : bench_(options, listener, epoll_.fd) {
    for (std::size_t i = 0; i < options.connections; ++i) connections_.emplace_back(bench_, i);
}

ConnectionPool::~ConnectionPool() { reset_all(); }

void ConnectionPool::reset_all() noexcept {
    for (auto& connection : connections_) connection.reset();
}

void ConnectionPool::open_all() {
    std::size_t started = 0;
    const auto all_open = [&] {
        while (started < size() && started - bench_.opened < kMaxPending) connections_[started++].open();
        return bench_.opened == size();
    };
    run_until(all_open, "opening connections");
}

void ConnectionPool::run_until(const std::function<bool()>& done, std::string_view doing, Waiting waiting) {
    std::uint64_t last_progress = bench_.progress;
    auto progressed_at = Clock::now();
    while (!done()) {
        turn(waiting);
        if (const auto now = Clock::now(); bench_.progress != last_progress) {
            last_progress = bench_.progress;
            progressed_at = now;
        } else if (now - progressed_at > kPatience) {
            throw std::runtime_error("the server has done nothing for 30 s: " + std::string(doing));
        }
    }
}

void ConnectionPool::idle_for(Clock::duration duration) {
    const auto end = Clock::now() + duration;
    while (Clock::now() < end) turn(Waiting::asleep);
}

void ConnectionPool::turn(Waiting waiting) {
    std::array<epoll_event, kMaxEvents> events;
    const int timeout_ms = waiting == Waiting::busy ? 0 : kMaxSleepMs;
    const int count = epoll_wait(epoll_.fd, events.data(), static_cast<int>(events.size()), timeout_ms);
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        static_cast<Connection*>(event.data.ptr)->on_event(event.events);
    }
}

}  // namespace load
