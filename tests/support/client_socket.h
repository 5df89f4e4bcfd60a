#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cryo::test {

/// A blocking TCP connection to a server under test. Nothing waits longer than the timeout; what did not work shows in
/// what is returned, so that a test can assert on it.
class ClientSocket {
public:
    struct Options {
        std::string host = "127.0.0.1";
        std::chrono::milliseconds timeout{5000};
        int receive_buffer = 0;  ///< 0: the system's.
    };

    explicit ClientSocket(std::uint16_t port) : ClientSocket(port, Options{}) {}
    ClientSocket(std::uint16_t port, const Options& options) {
        const bool ipv6 = options.host.find(':') != std::string::npos;
        fd_ = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (options.receive_buffer != 0) set(SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        set_timeout(options.timeout);
        if (fd_ >= 0 &&
            !(ipv6 ? connect_to<sockaddr_in6>(options.host, port) : connect_to<sockaddr_in>(options.host, port))) {
            close();
        }
    }
    ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ClientSocket& operator=(ClientSocket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~ClientSocket() { close(); }

    bool connected() const noexcept { return fd_ >= 0; }
    int fd() const noexcept { return fd_; }

    bool send(std::string_view data) {
        while (!data.empty()) {
            const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            data.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// Exactly `size` bytes; fewer after the end of the stream, an error or the timeout.
    std::string receive(std::size_t size) {
        std::string data(size, '\0');
        std::size_t filled = 0;
        while (filled < size) {
            const ssize_t got = ::recv(fd_, data.data() + filled, size - filled, 0);
            if (got <= 0) break;
            filled += static_cast<std::size_t>(got);
        }
        data.resize(filled);
        return data;
    }

    /// Everything up to the peer's FIN; nothing when it does not come in time or the connection is reset.
    std::optional<std::string> receive_to_end() {
        std::string data;
        char part[65536];
        for (;;) {
            const ssize_t got = ::recv(fd_, part, sizeof part, 0);
            if (got == 0) return data;
            if (got < 0) return std::nullopt;
            data.append(part, static_cast<std::size_t>(got));
        }
    }

    /// Whether the peer has closed or reset the connection, waiting for it up to the timeout; data is thrown away.
    bool closed_by_peer(std::chrono::milliseconds timeout = std::chrono::milliseconds(5000)) {
        set_timeout(timeout);
        char part[65536];
        ssize_t got;
        do {
            got = ::recv(fd_, part, sizeof part, 0);
        } while (got > 0);
        return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }

    bool readable(std::chrono::milliseconds timeout) {
        pollfd entry{fd_, POLLIN, 0};
        return ::poll(&entry, 1, static_cast<int>(timeout.count())) == 1;
    }

    void finish_sending() { ::shutdown(fd_, SHUT_WR); }

    /// Closes with a TCP reset.
    void reset() {
        const linger at_once{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }

    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

    void set_timeout(std::chrono::milliseconds timeout) {
        const timeval value{timeout.count() / 1000, static_cast<suseconds_t>(timeout.count() % 1000 * 1000)};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
    }

private:
    void set(int level, int option, int value) { ::setsockopt(fd_, level, option, &value, sizeof value); }

    template <class Address>
    bool connect_to(const std::string& host, std::uint16_t port) {
        Address address{};
        int parsed = 0;
        if constexpr (std::is_same_v<Address, sockaddr_in6>) {
            address.sin6_family = AF_INET6;
            address.sin6_port = htons(port);
            parsed = ::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr);
        } else {
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            parsed = ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
        }
        return parsed == 1 && ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    int fd_ = -1;
};

/// The same over TLS. The server's certificate is not verified; its name can be asked for.
class TlsClientSocket {
public:
    struct Options {
        ClientSocket::Options tcp{};
        int minimum_version = TLS1_2_VERSION;
        int maximum_version = TLS1_3_VERSION;
        std::string certificate_file{};  ///< The client's, with its key.
        std::string key_file{};
        std::string alpn{};             ///< One protocol name.
        SSL_SESSION* resume = nullptr;  ///< Borrowed; from `session`.
    };

    explicit TlsClientSocket(std::uint16_t port) : TlsClientSocket(port, Options{}) {}
    TlsClientSocket(std::uint16_t port, const Options& options)
        : socket_(port, options.tcp),
          context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
          ssl_(nullptr, SSL_free) {
        SSL_CTX_set_min_proto_version(context_.get(), options.minimum_version);
        SSL_CTX_set_max_proto_version(context_.get(), options.maximum_version);
        if (!options.certificate_file.empty()) {
            SSL_CTX_use_certificate_chain_file(context_.get(), options.certificate_file.c_str());
            SSL_CTX_use_PrivateKey_file(context_.get(), options.key_file.c_str(), SSL_FILETYPE_PEM);
        }
        ssl_.reset(SSL_new(context_.get()));
        if (!options.alpn.empty()) {
            const std::string list = static_cast<char>(options.alpn.size()) + options.alpn;
            SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                                static_cast<unsigned>(list.size()));
        }
        if (options.resume) SSL_set_session(ssl_.get(), options.resume);
        SSL_set_fd(ssl_.get(), socket_.fd());
        connected_ = socket_.connected() && SSL_connect(ssl_.get()) == 1;
    }

    /// The handshake succeeded. With TLS 1.3 a refused client certificate shows only at the first `receive`.
    bool connected() const noexcept { return connected_; }
    ClientSocket& tcp() noexcept { return socket_; }
    SSL* ssl() noexcept { return ssl_.get(); }

    bool send(std::string_view data) {
        std::size_t sent = 0;
        return data.empty() || SSL_write_ex(ssl_.get(), data.data(), data.size(), &sent) == 1;
    }

    std::string receive(std::size_t size) {
        std::string data(size, '\0');
        std::size_t filled = 0;
        std::size_t got = 0;
        while (filled < size && SSL_read_ex(ssl_.get(), data.data() + filled, size - filled, &got) == 1) filled += got;
        data.resize(filled);
        return data;
    }

    /// Everything up to the peer's close_notify; nothing when the stream ends in another way.
    std::optional<std::string> receive_to_end() {
        std::string data;
        char part[16384];
        std::size_t got = 0;
        int result;
        while ((result = SSL_read_ex(ssl_.get(), part, sizeof part, &got)) == 1) data.append(part, got);
        if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_ZERO_RETURN) return std::nullopt;
        return data;
    }

    std::string server_name() const {
        char name[256] = "";
        if (X509* certificate = SSL_get0_peer_certificate(ssl_.get())) {
            X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
        }
        return name;
    }

    std::string alpn() const {
        const unsigned char* name = nullptr;
        unsigned length = 0;
        SSL_get0_alpn_selected(ssl_.get(), &name, &length);
        return {reinterpret_cast<const char*>(name), length};
    }

private:
    ClientSocket socket_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    bool connected_ = false;
};

}  // namespace cryo::test
