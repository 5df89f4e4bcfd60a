#include "transport/tcp_socket.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "transport/loop_impl.h"

namespace cryo::transport {

TcpSocket::TcpSocket(Loop& loop, int fd, const Address& remote) : uv_poll_t{}, Socket(loop, fd, remote) {}

TcpSocket::~TcpSocket() { ::close(fd_); }

bool TcpSocket::start() {
    if (uv_poll_init(&loop_.impl_->uv, this, fd_) != 0) return false;
    watch();
    in_callback_ = true;
    open();
    in_callback_ = false;
    if (closing_) kill();
    return true;
}

void TcpSocket::watch() {
    const int interest = (reading_ ? UV_READABLE : 0) | (full_ ? UV_WRITABLE : 0);
    if (interest == watched_) return;
    watched_ = interest;
    uv_poll_start(this, interest, [](uv_poll_t* handle, int status, int events) {
        static_cast<TcpSocket*>(handle)->on_event(status, events);
    });
}

void TcpSocket::on_event(int status, int events) {
    in_callback_ = true;
    if (status != 0) closing_ = true;  // a reset
    if ((events & UV_WRITABLE) != 0) {
        full_ = false;
        has_room();
        if (!closing_) watch();
    }
    if ((events & UV_READABLE) != 0 && reading_ && !closing_) read();
    in_callback_ = false;
    if (closing_) kill();
}

/// Once, so that a peer that sends without pause leaves time for the others: what is left is told of in the next turn.
void TcpSocket::read() {
    auto& impl = *loop_.impl_;
    impl.had_work = true;
    const ssize_t count = ::recv(fd_, impl.read_buffer.data(), impl.read_buffer.size(), 0);
    if (count > 0) {
        deliver({impl.read_buffer.data(), static_cast<std::size_t>(count)});
        // Not later: the buffers for it are used anew by the next connection of this turn, while they are in the
        // caches.
        flush_if_wanted();
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        closing_ = true;
    }
}

std::size_t TcpSocket::write_some(std::span<const Bytes> buffers) {
    const std::size_t taken = send_now(fd_, buffers);
    if (taken == total_size(buffers)) return taken;
    if (errno == EAGAIN) {
        full_ = true;
        watch();
    } else {
        fail();
    }
    return taken;
}

void TcpSocket::kill() {
    leave_loop();
    uv_close(reinterpret_cast<uv_handle_t*>(static_cast<uv_poll_t*>(this)),
             [](uv_handle_t* handle) { delete static_cast<TcpSocket*>(reinterpret_cast<uv_poll_t*>(handle)); });
}

}  // namespace cryo::transport
