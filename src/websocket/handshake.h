#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cryo::websocket {

/// What a request's headers say about an upgrade to WebSocket (RFC 6455 4.2.1). Keeps views of what it is given.
class UpgradeRequest {
public:
    enum class Verdict { accepted, bad_request, unsupported_version };

    /// Takes note of a header line; those that do not matter are ignored.
    void add_header(std::string_view name, std::string_view value);

    /// Whether the client asks for WebSocket at all; if not, the request is an ordinary one.
    bool is_upgrade() const noexcept { return upgrade_ && connection_; }

    /// Judges the headers. The answer to bad_request is 400, to unsupported_version 426 with
    /// `Sec-WebSocket-Version: 13`. That the request is a GET of HTTP/1.1 is the caller's to see.
    Verdict verdict() const noexcept;

    /// The first of `supported` that the client offers; empty when there is none.
    std::string_view choose_subprotocol(std::span<const std::string> supported) const;

    std::string_view key() const noexcept { return key_; }
    std::span<const std::string_view> extension_lines() const noexcept { return extensions_; }

private:
    bool upgrade_ = false;
    bool connection_ = false;
    bool repeated_ = false;  // a header that may come only once
    std::string_view key_;
    std::string_view version_;
    std::vector<std::string_view> protocols_;
    std::vector<std::string_view> extensions_;
};

/// Sec-WebSocket-Accept for a client's key (RFC 6455 4.2.2).
std::string accept_key(std::string_view key);

/// The 101 response in full; `subprotocol` and `extensions` are left out when empty.
std::string format_upgrade_response(std::string_view key, std::string_view subprotocol, std::string_view extensions);

}  // namespace cryo::websocket
