#include <cerrno>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/loop.h"

namespace cryo::transport {
namespace {

constexpr int kBacklog = 65'535;  // the kernel cuts it to net.core.somaxconn

struct AddressesDeleter {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

bool enable(int fd, int level, int option) {
    const int on = 1;
    return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/// Binds and listens; on failure errno tells why.
bool listen_on(int fd, const addrinfo& address, bool shared, bool first) {
    if (!enable(fd, SOL_SOCKET, SO_REUSEADDR)) return false;
    if (address.ai_family == AF_INET6) {
        const int off = 0;
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    // Bound without SO_REUSEPORT, the first one finds out whether anyone else holds the port; the option set afterwards
    // lets the others join.
    if (shared && !first && !enable(fd, SOL_SOCKET, SO_REUSEPORT)) return false;
    if (::bind(fd, address.ai_addr, address.ai_addrlen) != 0) return false;
    if (shared && first && !enable(fd, SOL_SOCKET, SO_REUSEPORT)) return false;
    // Inherited by accepted sockets. Without it small writes wait for acknowledgements: TLS handshakes take 80 ms
    // longer.
    if (!enable(fd, IPPROTO_TCP, TCP_NODELAY)) return false;
    return ::listen(fd, kBacklog) == 0;
}

std::uint16_t port_of(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
    // The port lies at the same place in both families.
    return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

Error cannot_listen(const std::string& host, std::uint16_t port, const std::string& reason) {
    const bool bare_ipv6 = host.find(':') != std::string::npos;
    const std::string name = host.empty() ? "*" : bare_ipv6 ? "[" + host + "]" : host;
    return {Errc::address_unavailable, "cannot listen on " + name + ":" + std::to_string(port) + ": " + reason};
}

}  // namespace

Result<BoundListener> bind_listener(const std::string& host, std::uint16_t port, bool shared, bool first) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int failure =
            ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found)) {
        return cannot_listen(host, port, ::gai_strerror(failure));
    }
    const std::unique_ptr<addrinfo, AddressesDeleter> addresses(found);

    int reason = EADDRNOTAVAIL;
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            reason = errno;
            continue;
        }
        if (listen_on(fd, *address, shared, first)) return BoundListener{fd, port_of(fd)};
        reason = errno;
        ::close(fd);
    }
    return cannot_listen(host, port, std::generic_category().message(reason));
}

}  // namespace cryo::transport
