#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "transport/loop_impl.h"
#include "transport/lws_context.h"
#include "transport/tcp_socket.h"

namespace cryo::transport {
namespace {

constexpr int kAcceptsPerTurn = 64;  // so that a storm of connections leaves time for those that are open
constexpr std::chrono::milliseconds kAcceptPause{100};

std::array<std::uint8_t, 16> compact(const sockaddr_storage& address) {
    std::array<std::uint8_t, 16> bytes{};
    if (address.ss_family == AF_INET6) {
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
    } else if (address.ss_family == AF_INET) {
        bytes[10] = bytes[11] = 0xff;
        std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    }
    return bytes;
}

}  // namespace

Result<> Loop::Impl::open_listener() {
    if (poller.add(config.fd, EPOLLIN, listener)) return {};
    return Error{Errc::system, "cannot watch the listening socket: " + std::generic_category().message(errno)};
}

void Loop::Impl::close_listener() {
    accept_pause.cancel();
    if (config.fd < 0) return;
    poller.remove(config.fd);
    ::close(std::exchange(config.fd, -1));
}

void Loop::Impl::resume_accepting() noexcept { poller.change(config.fd, EPOLLIN, listener); }

void Loop::Impl::pause_accepting(int error) {
    if (!out_of_descriptors) {
        log(config.logger.get(), LogLevel::warning, "transport",
            "not accepting connections for now: " + std::generic_category().message(error) +
                " connections=" + std::to_string(sockets.size()));
    }
    out_of_descriptors = true;
    poller.change(config.fd, 0, listener);
    wheel.start(accept_pause, kAcceptPause);
}

void Loop::Impl::accept_ready() noexcept {
    for (int i = 0; i < kAcceptsPerTurn && config.fd >= 0 && !accept_pause.armed(); ++i) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int fd =
            ::accept4(config.fd, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (config.may_accept && !config.may_accept()) {
                ::close(fd);
            } else {
                adopt(fd, compact(address));
            }
            out_of_descriptors = accept_pause.armed();
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return pause_accepting(errno);
        } else if (errno == EAGAIN) {
            return;
        }  // anything else is this one connection's end: accept the next
    }
}

void Loop::Impl::adopt(int fd, const Socket::Address& remote) {
    if (lws) return lws->adopt(fd, remote);
    auto* socket = new TcpSocket(loop, fd, remote);
    add(*socket);
    if (socket->start()) return;
    const int error = errno;
    remove(*socket);
    delete socket;
    pause_accepting(error);
}

}  // namespace cryo::transport
