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
#include "transport/tls_stream.h"

namespace cryo::transport {
namespace {

constexpr std::size_t kBatch = 128;  // buffers a system call

std::size_t total_size(std::span<const Bytes> buffers) noexcept {
    std::size_t total = 0;
    for (const Bytes& buffer : buffers) total += buffer.size();
    return total;
}

/// Like sendmsg: how many bytes were taken, or -1.
ssize_t send_batch(int descriptor, std::span<const Bytes> buffers) noexcept {
    iovec parts[kBatch];
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        parts[i] = {const_cast<std::byte*>(buffers[i].data()), buffers[i].size()};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = buffers.size();
    ssize_t sent;
    do {
        sent = buffers.size() == 1 ? ::send(descriptor, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                                   : ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

}  // namespace

std::size_t send_now(int descriptor, std::span<const Bytes> buffers) noexcept {
    std::size_t taken = 0;
    while (!buffers.empty()) {
        const auto batch = buffers.first(std::min(buffers.size(), kBatch));
        buffers = buffers.subspan(batch.size());
        const ssize_t sent = send_batch(descriptor, batch);
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

Socket::~Socket() = default;

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
    const std::size_t taken = tls_ ? tls_->write(buffers) : write_tcp(buffers);
    return closing_ ? total_size(buffers) : taken;
}

std::size_t Socket::write_tcp(std::span<const Bytes> buffers) {
    const std::size_t taken = send_now(fd_, buffers);
    if (taken == total_size(buffers)) return taken;
    if (errno == EAGAIN) {
        wait_writable();
    } else {
        fail();
    }
    return taken;
}

std::size_t Socket::unsent_bytes() const {
    int in_kernel = 0;
    if (::ioctl(fd_, SIOCOUTQ, &in_kernel) != 0) in_kernel = 0;
    return static_cast<std::size_t>(in_kernel) + (tls_ ? tls_->held_bytes() : 0);
}

void Socket::set_reading(bool on) {
    if (on == reading_ || closing_ || finished_) return;
    reading_ = on;
    lws_rx_flow_control(wsi_, on ? 1 : 0);
    // Decrypted bytes that wait in OpenSSL cause no event of the socket.
    if (on && tls_) loop_.want_turn_end(*this);
}

void Socket::shutdown() {
    if (finished_ || closing_) return;
    set_reading(true);  // else the peer's FIN would never be seen
    finished_ = true;
    if (!full_) finish_shutdown();
}

void Socket::finish_shutdown() {
    if (tls_ && !tls_->send_close_notify()) return;
    ::shutdown(fd_, SHUT_WR);
}

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

bool Socket::on_readable(std::span<std::byte> data) {
    in_callback_ = true;
    in_bytes_ = true;
    if (tls_) tls_->open_after_handshake();
    deliver(data);
    if (tls_) tls_->read_pending();
    in_bytes_ = false;
    // Not later: the buffers for it are used anew by the next connection of this turn, while they are in the caches.
    flush_if_wanted();
    in_callback_ = false;
    return !closing_;
}

void Socket::deliver(std::span<std::byte> data) {
    if (handler_ && !finished_ && !closing_) handler_->on_bytes(data);
}

bool Socket::on_writable() {
    if (!full_) return !closing_;
    full_ = false;
    in_callback_ = true;
    const bool drained = !tls_ || tls_->flush_held();
    if (tls_) tls_->read_pending();  // OpenSSL may have had to write before it could read on
    if (drained && finished_ && !closing_) finish_shutdown();
    if (drained && !finished_ && !closing_) {
        flush_wanted_ = false;
        handler_->on_flush();
    }
    in_callback_ = false;
    return !closing_;
}

void Socket::end_turn() {
    in_callback_ = true;
    if (tls_) {
        tls_->open_after_handshake();
        tls_->read_pending();
    }
    flush_if_wanted();
    in_callback_ = false;
    if (closing_) kill();
}

void Socket::flush_if_wanted() {
    if (!flush_wanted_ || full_ || finished_ || closing_) return;
    flush_wanted_ = false;
    handler_->on_flush();
}

void Socket::wait_writable() {
    full_ = true;
    lws_callback_on_writable(wsi_);
}

void Socket::fail() {
    closing_ = true;
    loop_.want_turn_end(*this);
}

void Socket::kill() { lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC); }

}  // namespace cryo::transport
