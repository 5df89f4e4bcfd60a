#include "soak/connection.h"

#include <cerrno>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace soak {

namespace {

/// Fixed, for the server to feel a slow reader soon; some of loopback's 64 KiB segments, or TCP stalls at each.
constexpr int kReceiveBufferBytes = 200 << 10;
/// More source addresses, more ports.
constexpr std::uint32_t kSourceAddresses = 8;

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    return address;
}

void set_option(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

}  // namespace

bool Connection::open(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    set_option(fd_, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
    set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const auto source = loopback(1 + index_ % kSourceAddresses, 0);
    const auto server = loopback(0, port);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) return false;
    const int connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    if (connected != 0 && errno != EINPROGRESS) return false;
    epoll_event event{.events = watched_ = EPOLLOUT, .data = {.u32 = index_}};
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event) == 0;
}

bool Connection::established() {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return false;
    watch(false);
    return true;
}

bool Connection::flush() {
    while (out_sent_ < out_.size()) {
        const auto sent = ::send(fd_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
        if (sent < 0) break;  // if it is worse than full, reading will tell
        out_sent_ += static_cast<std::size_t>(sent);
    }
    const bool done = out_sent_ == out_.size();
    if (done) {
        out_ = {};  // most clients are idle; thousands of kept buffers are much
        out_sent_ = 0;
    }
    watch(!done);
    return done;
}

std::optional<std::size_t> Connection::receive(std::span<std::byte> buffer) {
    const auto received = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (received >= 0) return static_cast<std::size_t>(received);
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    return 0;
}

void Connection::set_reading(bool reading) {
    reading_ = reading;
    watch(!out_.empty());
}

void Connection::watch(bool writable) {
    const std::uint32_t wanted = (reading_ ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    if (fd_ < 0 || std::exchange(watched_, wanted) == wanted) return;
    epoll_event event{.events = wanted, .data = {.u32 = index_}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    reading_ = true;
    out_ = {};
    out_sent_ = 0;
}

void Connection::reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

}  // namespace soak
