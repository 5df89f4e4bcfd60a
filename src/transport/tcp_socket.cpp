#include "transport/tcp_socket.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "transport/loop_impl.h"

namespace cryo::transport {
namespace {

/// What a message touches of its handler lies at the front of it. With many connections that is in no cache, but it
/// comes while the kernel copies the message.
void fetch_ahead(const SocketHandler* handler) noexcept {
    constexpr std::size_t kLine = 64, kFront = 5 * kLine;
    const auto* const front = reinterpret_cast<const std::byte*>(handler);
    for (std::size_t offset = 0; offset < kFront; offset += kLine) __builtin_prefetch(front + offset, 1);
}

}  // namespace

TcpSocket::~TcpSocket() { ::close(fd_); }

bool TcpSocket::start() {
    if (!loop_.impl_->poller.add(fd_, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this)) return false;
    in_callback_ = true;
    open();
    in_callback_ = false;
    if (closing_) kill();
    return true;
}

void TcpSocket::on_events(std::uint32_t events) noexcept {
    if (closing_) return;  // it is on its way out
    in_callback_ = true;
    if (full_ && (events & EPOLLOUT) != 0) {
        full_ = false;
        has_room();
    }
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0) {
        readable_ = true;
        if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) drains_ = true;
        read_pending();
    }
    in_callback_ = false;
    if (closing_) kill();
}

/// One buffer at a time, so that a peer that sends without pause leaves time for the others.
void TcpSocket::read_pending() {
    if (!readable_ || !reading_ || closing_) return;
    auto& buffer = loop_.impl_->read_buffer;
    fetch_ahead(handler_.get());
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
        readable_ = drains_ || static_cast<std::size_t>(count) == buffer.size();
        deliver({buffer.data(), static_cast<std::size_t>(count)});
        // Not later: the buffers for it are used anew by the next connection of this turn, while they are in the
        // caches.
        flush_if_wanted();
    } else if (count < 0 && errno == EAGAIN) {
        readable_ = false;
    } else if (count == 0 || errno != EINTR) {
        closing_ = true;
    }
    if (readable_ && reading_ && !closing_) loop_.want_turn_end(*this);
}

void TcpSocket::apply_reading() {
    if (reading_ && readable_) loop_.want_turn_end(*this);
}

std::size_t TcpSocket::write_some(std::span<const Bytes> buffers) {
    const std::size_t taken = send_now(fd_, buffers);
    if (taken == total_size(buffers)) return taken;
    if (errno == EAGAIN) {
        full_ = true;
    } else {
        fail();
    }
    return taken;
}

void TcpSocket::kill() {
    leave_loop();
    loop_.impl_->poller.remove(fd_, std::unique_ptr<Pollable>(this));
}

}  // namespace cryo::transport
