#include "socket_address.h"

#include <cstddef>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sys/un.h>

namespace cryo::redis {

std::string to_string(const Address& address) {
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(is_ipv6 ? "[{}]:{}" : "{}:{}"), address.host, address.port);
}

Result<Place> resolve_now(const Address& address, bool only_numeric) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (only_numeric ? AI_NUMERICHOST : AI_ADDRCONFIG);
    addrinfo* found = nullptr;
    const int failed = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
    if (failed) {
        return Error{Errc::address_unavailable,
                     fmt::format("cannot resolve '{}': {}", address.host, gai_strerror(failed))};
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
    Place place{.addresses = {}, .host = address.host};
    for (const addrinfo* one = found; one; one = one->ai_next) {
        SocketAddress socket_address{.storage = {}, .length = one->ai_addrlen, .text = to_string(address)};
        std::memcpy(&socket_address.storage, one->ai_addr, one->ai_addrlen);
        place.addresses.push_back(std::move(socket_address));
    }
    return place;
}

Place unix_place(const std::string& path) {
    SocketAddress address{.storage = {}, .length = 0, .text = path};
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::size_t length = std::min(path.size(), sizeof name.sun_path - 1);
    std::memcpy(name.sun_path, path.data(), length);
    std::memcpy(&address.storage, &name, sizeof name);
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
    return {.addresses = {std::move(address)}, .host = path};
}

}  // namespace cryo::redis
