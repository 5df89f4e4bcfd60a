#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/client_socket.h"
#include "support/wait.h"

namespace cryo::test {

/// One response of the server under test.
struct HttpAnswer {
    int status = 0;
    std::string head{};  // status line and header lines
    std::string body{};

    /// The value of a header, or empty.
    std::string header(std::string_view name) const {
        const auto lower = [](std::string text) {
            std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
            return text;
        };
        const auto at = lower(head).find("\r\n" + lower(std::string(name)) + ": ");
        if (at == std::string::npos) return {};
        const auto begin = at + name.size() + 4;
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
};

/// A blocking HTTP/1.1 client that sends what it is told and reads what comes.
class HttpClient {
public:
    explicit HttpClient(std::uint16_t port, ClientSocket::Options options = {.timeout = kPatience})
        : socket_(port, options) {}

    ClientSocket& socket() noexcept { return socket_; }
    bool send(std::string_view bytes) { return socket_.send(bytes); }

    /// The next response; nothing when the stream ends, or nothing complete comes, before.
    std::optional<HttpAnswer> next(bool to_head = false) {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!fill()) return std::nullopt;
        }
        HttpAnswer answer{.head = buffer_.substr(0, end + 2)};
        buffer_.erase(0, end + 4);
        answer.status = std::atoi(answer.head.substr(std::min<std::size_t>(answer.head.size(), 9)).c_str());
        const auto length = answer.header("Content-Length");
        if (!to_head && !length.empty()) {
            const auto size = static_cast<std::size_t>(std::atoll(length.c_str()));
            answer.body = take(size);
            if (answer.body.size() < size) return std::nullopt;
        }
        return answer;
    }

    std::optional<HttpAnswer> ask(std::string_view request) {
        if (!send(request)) return std::nullopt;
        return next(request.starts_with("HEAD "));
    }

    /// `lines` are further header lines, each with its end.
    std::optional<HttpAnswer> get(std::string_view target, std::string_view lines = {}) {
        return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(lines) + "\r\n");
    }

    /// `size` bytes, or fewer when the stream ends before.
    std::string take(std::size_t size) {
        while (buffer_.size() < size && fill()) {
        }
        std::string taken = buffer_.substr(0, size);
        buffer_.erase(0, taken.size());
        return taken;
    }

    /// Whether the server ends the stream in order, without another byte.
    bool at_end() {
        if (!buffer_.empty()) return false;
        char byte;
        return ::recv(socket_.fd(), &byte, 1, 0) == 0;
    }

private:
    bool fill() {
        char part[65536];
        const auto got = ::recv(socket_.fd(), part, sizeof part, 0);
        if (got <= 0) return false;
        buffer_.append(part, static_cast<std::size_t>(got));
        return true;
    }

    ClientSocket socket_;
    std::string buffer_;
};

}  // namespace cryo::test
