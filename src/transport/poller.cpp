#include "transport/poller.h"

#include <span>
#include <utility>

#include <unistd.h>

namespace cryo::transport {

Poller::~Poller() {
    if (epoll_ >= 0) ::close(epoll_);
}

bool Poller::open() noexcept {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    return epoll_ >= 0;
}

bool Poller::control(int operation, int descriptor, std::uint32_t events, Pollable* pollable) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.ptr = pollable;
    return ::epoll_ctl(epoll_, operation, descriptor, &event) == 0;
}

bool Poller::add(int descriptor, std::uint32_t events, Pollable& pollable) noexcept {
    return control(EPOLL_CTL_ADD, descriptor, events, &pollable);
}

bool Poller::change(int descriptor, std::uint32_t events, Pollable& pollable) noexcept {
    return control(EPOLL_CTL_MOD, descriptor, events, &pollable);
}

void Poller::remove(int descriptor) noexcept { control(EPOLL_CTL_DEL, descriptor, 0, nullptr); }

void Poller::remove(int descriptor, std::unique_ptr<Pollable> pollable) {
    remove(descriptor);
    removed_.push_back(std::move(pollable));
}

bool Poller::wait(int timeout_ms) noexcept {
    const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
    if (count <= 0) return false;
    const std::span told(events_.data(), static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < told.size(); ++i) {
        if (i + 1 < told.size()) __builtin_prefetch(told[i + 1].data.ptr, 1);
        static_cast<Pollable*>(told[i].data.ptr)->on_events(told[i].events);
    }
    return true;
}

}  // namespace cryo::transport
