#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "transport/loop_impl.h"
#include "transport/tcp_socket.h"
#include "transport/tls_socket.h"

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
    if (uv_poll_init(&uv, &listener, config.fd) != 0) {
        return Error{Errc::invalid_argument, "the listening socket cannot be watched"};
    }
    listener.data = this;
    listener_open = true;
    resume_accepting();
    return {};
}

void Loop::Impl::close_listener() {
    accept_pause.cancel();
    if (listener_open) uv_close(reinterpret_cast<uv_handle_t*>(&listener), nullptr);
    listener_open = false;
    if (config.fd >= 0) ::close(config.fd);
    config.fd = -1;
}

void Loop::Impl::resume_accepting() noexcept {
    uv_poll_start(&listener, UV_READABLE,
                  [](uv_poll_t* handle, int, int) { static_cast<Impl*>(handle->data)->accept_ready(); });
}

void Loop::Impl::pause_accepting(int error) {
    if (!out_of_descriptors) {
        log(config.logger.get(), LogLevel::warning, "transport",
            "not accepting connections for now: " + std::generic_category().message(error) +
                " connections=" + std::to_string(sockets.size()));
    }
    out_of_descriptors = true;
    uv_poll_stop(&listener);
    wheel.start(accept_pause, kAcceptPause);
}

void Loop::Impl::accept_ready() noexcept {
    had_work = true;
    for (int i = 0; i < kAcceptsPerTurn && config.fd >= 0; ++i) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int fd =
            ::accept4(config.fd, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            out_of_descriptors = false;
            if (config.may_accept && !config.may_accept()) {
                ::close(fd);
            } else {
                adopt(fd, compact(address));
            }
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return pause_accepting(errno);
        } else if (errno == EAGAIN) {
            return;
        }  // anything else is this one connection's end: accept the next
    }
}

void Loop::Impl::adopt(int fd, const Socket::Address& remote) {
    if (tls.enabled()) return adopt_tls(fd, remote);
    auto* socket = new TcpSocket(loop, fd, remote);
    add(*socket);
    if (socket->start()) return;
    remove(*socket);
    delete socket;
}

void Loop::Impl::adopt_tls(int fd, const Socket::Address& remote) {
    auto* socket = new TlsSocket(loop, fd, remote);
    add(*socket);

    // A handshake that fails at once closes the socket within this call: RAW_CLOSE without RAW_ADOPT.
    adopting = socket;
    lws_adopt_desc_t description{};
    description.vh = vhost;
    description.type = static_cast<lws_adoption_type>(LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL);
    description.fd.sockfd = fd;
    description.opaque = socket;
    lws* const wsi = lws_adopt_descriptor_vhost_via_info(&description);
    const bool closed = std::exchange(adopting, nullptr) == nullptr;
    if (wsi) return socket->start(wsi, config.tls_handshake_timeout);
    if (closed) return;
    remove(*socket);
    delete socket;
}

}  // namespace cryo::transport
