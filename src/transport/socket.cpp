#include "transport/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "transport/loop_impl.h"

namespace cryo::transport {
namespace {

constexpr std::size_t kBatch = 128;  // buffers a system call

ssize_t send_one(int descriptor, Bytes buffer) noexcept {
    return ::send(descriptor, buffer.data(), buffer.size(), MSG_NOSIGNAL);
}

ssize_t send_several(int descriptor, std::span<const Bytes> buffers) noexcept {
    iovec parts[kBatch];
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        parts[i] = {const_cast<std::byte*>(buffers[i].data()), buffers[i].size()};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = buffers.size();
    return ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

}  // namespace

std::size_t send_now(int descriptor, std::span<const Bytes> buffers) noexcept {
    std::size_t taken = 0;
    while (!buffers.empty()) {
        const auto batch = buffers.first(std::min(buffers.size(), kBatch));
        buffers = buffers.subspan(batch.size());
        ssize_t sent;
        do {
            sent = batch.size() == 1 ? send_one(descriptor, batch.front()) : send_several(descriptor, batch);
        } while (sent < 0 && errno == EINTR);
        if (sent < 0) break;
        taken += static_cast<std::size_t>(sent);
        if (static_cast<std::size_t>(sent) < total_size(batch)) {
            errno = EAGAIN;
            break;
        }
    }
    return taken;
}

Socket::Socket(Loop& loop, int fd, const Address& remote) : loop_(loop), fd_(fd), remote_(remote) {}

void Socket::set_handler(std::shared_ptr<SocketHandler> handler) {
    loop_.retire(std::exchange(handler_, std::move(handler)));
}

void Socket::request_flush() {
    flush_wanted_ = true;
    if (!in_bytes_) loop_.want_turn_end(*this);
}

std::size_t Socket::write(std::span<const Bytes> buffers) {
    if (closing_ || finished_) return total_size(buffers);
    if (full_) return 0;
    const std::size_t taken = write_some(buffers);
    return closing_ ? total_size(buffers) : taken;
}

std::size_t Socket::unsent_bytes() const {
    int in_kernel = 0;
    if (::ioctl(fd_, SIOCOUTQ, &in_kernel) != 0) in_kernel = 0;
    return static_cast<std::size_t>(in_kernel) + held_bytes();
}

void Socket::set_reading(bool on) {
    if (on == reading_ || closing_ || finished_) return;
    reading_ = on;
    apply_reading();
}

void Socket::shutdown() {
    if (finished_ || closing_) return;
    set_reading(true);  // else the peer's FIN would never be seen
    finished_ = true;
    if (!full_) finish_shutdown();
}

void Socket::finish_shutdown() { ::shutdown(fd_, SHUT_WR); }

void Socket::close() {
    if (in_callback_) {
        closing_ = true;
    } else {
        kill();
    }
}

std::string Socket::remote_address() const {
    static constexpr std::uint8_t kMappedIpv4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN] = "";
    if (std::memcmp(remote_.data(), kMappedIpv4, sizeof kMappedIpv4) == 0) {
        ::inet_ntop(AF_INET, remote_.data() + sizeof kMappedIpv4, text, sizeof text);
    } else {
        ::inet_ntop(AF_INET6, remote_.data(), text, sizeof text);
    }
    return text;
}

void Socket::open() {
    handler_ = loop_.impl_->acceptor(*this);
    if (!handler_) closing_ = true;
}

void Socket::deliver(std::span<std::byte> data) {
    if (!handler_ || finished_ || closing_) return;
    in_bytes_ = true;
    handler_->on_bytes(data);
    in_bytes_ = false;
}

void Socket::flush_if_wanted() {
    if (!flush_wanted_ || full_ || finished_ || closing_) return;
    flush_wanted_ = false;
    handler_->on_flush();
}

void Socket::has_room() {
    if (closing_) return;
    if (finished_) return finish_shutdown();
    flush_wanted_ = false;
    handler_->on_flush();
}

void Socket::fail() {
    closing_ = true;
    loop_.want_turn_end(*this);
}

void Socket::end_turn() {
    in_callback_ = true;
    read_pending();
    flush_if_wanted();
    in_callback_ = false;
    if (closing_) kill();
}

void Socket::leave_loop() {
    closing_ = true;
    in_callback_ = true;
    if (handler_) handler_->on_closed();
    loop_.retire(std::move(handler_));
    loop_.impl_->remove(*this);
}

}  // namespace cryo::transport
