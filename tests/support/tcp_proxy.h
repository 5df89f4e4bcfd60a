#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cryo::test {

/// Stands between a client and a server on the loopback, and can be the network that fails.
class TcpProxy {
public:
    enum class Mode {
        open,    ///< Passes everything on.
        cut,     ///< Every connection is closed, new ones too.
        silent,  ///< Connections stay, and nothing passes; what was sent meanwhile passes when it opens again.
        mute,    ///< The same, but only for what the server says.
    };

    explicit TcpProxy(std::uint16_t server_port) : server_port_(server_port) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        auto address = loopback(0);
        socklen_t length = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 64) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
            ::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
            throw std::runtime_error("no proxy");
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;
    ~TcpProxy() {
        ending_ = true;
        wake();
        thread_.join();
        for (const int fd : {listener_, wake_[0], wake_[1]}) ::close(fd);
    }

    std::uint16_t port() const noexcept { return port_; }
    void set(Mode mode) {
        mode_ = mode;
        wake();
    }

private:
    /// One way of a connection.
    struct Way {
        int from = -1, to = -1;
        std::string waiting{};
        bool over = false;
    };
    struct Pair {
        Way there{}, back{};
        bool dead = false;
    };
    static constexpr std::size_t kMostWaiting = 256 * 1024;

    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }

    void wake() {
        const char byte = 0;
        [[maybe_unused]] const auto written = ::write(wake_[1], &byte, 1);
    }

    void run() {
        while (!ending_) {
            auto polled = watch();
            ::poll(polled.data(), polled.size(), 1000);
            std::array<char, 64> bytes;
            while (::read(wake_[0], bytes.data(), bytes.size()) > 0) {
            }
            accept_all();
            if (mode_ == Mode::cut) {
                for (auto& pair : pairs_) pair.dead = true;
            }
            for (auto& pair : pairs_) pass(pair);
            sweep();
        }
        for (auto& pair : pairs_) pair.dead = true;
        sweep();
    }

    bool is_open(const Pair& pair, const Way& way) const {
        return mode_ == Mode::open || (mode_ == Mode::mute && &way == &pair.there);
    }

    std::vector<pollfd> watch() const {
        std::vector<pollfd> polled{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& pair : pairs_) {
            for (const auto* way : {&pair.there, &pair.back}) {
                if (!is_open(pair, *way)) continue;
                if (!way->over && way->waiting.size() < kMostWaiting) polled.push_back({way->from, POLLIN, 0});
                if (!way->waiting.empty()) polled.push_back({way->to, POLLOUT, 0});
            }
        }
        return polled;
    }

    void accept_all() {
        for (;;) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (client < 0) return;
            const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const auto address = loopback(server_port_);
            if (mode_ == Mode::cut ||
                ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
                ::close(client);
                ::close(server);
                continue;
            }
            ::fcntl(server, F_SETFL, O_NONBLOCK);
            const int on = 1;
            for (const int fd : {client, server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            pairs_.push_back({{client, server}, {server, client}});
        }
    }

    void pass(Pair& pair) const {
        for (auto* way : {&pair.there, &pair.back}) {
            if (!is_open(pair, *way)) continue;
            std::array<char, 65536> bytes;
            while (!way->over && way->waiting.size() < kMostWaiting) {
                const auto got = ::recv(way->from, bytes.data(), bytes.size(), 0);
                if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
                if (got <= 0) way->over = true;
                if (got > 0) way->waiting.append(bytes.data(), static_cast<std::size_t>(got));
            }
            while (!way->waiting.empty()) {
                const auto sent = ::send(way->to, way->waiting.data(), way->waiting.size(), MSG_NOSIGNAL);
                if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
                if (sent <= 0) {
                    pair.dead = true;
                    break;
                }
                way->waiting.erase(0, static_cast<std::size_t>(sent));
            }
            if (way->over && way->waiting.empty()) pair.dead = true;
        }
    }

    void sweep() {
        std::erase_if(pairs_, [](const Pair& pair) {
            if (!pair.dead) return false;
            ::close(pair.there.from);
            ::close(pair.there.to);
            return true;
        });
    }

    const std::uint16_t server_port_;
    std::uint16_t port_ = 0;
    int listener_ = -1;
    int wake_[2] = {-1, -1};
    std::vector<Pair> pairs_;  ///< The thread's.
    std::atomic<Mode> mode_{Mode::open};
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace cryo::test
