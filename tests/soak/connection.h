#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace soak {

/// A non-blocking TCP connection over loopback, watched by epoll under the index of its client.
class Connection {
public:
    Connection(int epoll, std::uint32_t index) : epoll_(epoll), index_(index) {}
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// False: there is no socket or no port left.
    bool open(std::uint16_t port);
    bool is_open() const noexcept { return fd_ >= 0; }
    /// Once it is writable. False: refused.
    bool established();

    /// To append to; `flush` sends it.
    std::vector<std::byte>& output() noexcept { return out_; }
    /// True: everything has left, and there is room for more. Else it becomes writable later.
    bool flush();

    /// 0: the stream has ended; nothing: no bytes yet.
    std::optional<std::size_t> receive(std::span<std::byte> buffer);
    void set_reading(bool reading);
    bool is_reading() const noexcept { return reading_; }

    void close();
    /// Closes with a TCP reset.
    void reset();

private:
    void watch(bool writable);

    const int epoll_;
    const std::uint32_t index_;
    int fd_ = -1;
    std::uint32_t watched_ = 0;  // epoll events
    bool reading_ = true;
    std::vector<std::byte> out_;
    std::size_t out_sent_ = 0;
};

}  // namespace soak
