#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <string.h>

#include <cryo/http.h>

namespace cryo::http {

/// One parsed request, which owns the bytes its views point into; moving it keeps them valid.
struct Request {
    Request() = default;
    Request(Request&&) noexcept = default;
    Request& operator=(Request&&) noexcept = default;
    ~Request() { wipe(); }

    /// Clears the head's bytes: among them may be a token.
    void wipe() noexcept {
        if (!head.empty()) ::explicit_bzero(head.data(), head.size());
    }

    std::string_view method{};
    std::string_view target{};
    std::string_view path{};   ///< of the target, percent-encoded; never malformed; `*` for OPTIONS *
    std::string_view query{};  ///< what follows the `?`, percent-encoded
    std::vector<HttpHeaderView> headers{};
    std::vector<std::byte> body{};
    int minor_version = 1;
    bool keep_alive = true;
    bool expect_continue = false;    ///< the client waits for a 100 before it sends the body
    bool upgrade_websocket = false;  ///< asks for WebSocket; the handshake itself is yet to be checked

    std::vector<char> head{};  ///< the bytes behind the views; a vector, as a short string would move its characters
};

/// Why a request is refused: the status of the answer, and a phrase for its body that names what was wrong.
struct Failure {
    int status = 0;
    std::string_view text{};

    bool operator==(const Failure&) const = default;
};

/// Value of the first header of that name, in any case; empty when there is none.
std::string_view find_header(std::span<const HttpHeaderView> headers, std::string_view name) noexcept;

/// What a handler sees of `request`. The arguments have to outlive it.
HttpRequest borrow(const Request& request, std::string_view decoded_path, std::span<const HttpParam> params,
                   std::string_view remote_address) noexcept;

}  // namespace cryo::http
