#include "websocket/handshake.h"

#include <algorithm>
#include <array>
#include <new>

#include <openssl/evp.h>

#include "websocket/header_scanner.h"

namespace cryo::websocket {
namespace {

constexpr std::string_view kKeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kVersion = "13";

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Whether the comma-separated tokens of `list` have one that `matches`.
template <class Predicate>
bool any_token(std::string_view list, Predicate matches) {
    HeaderScanner scanner(list);
    while (!scanner.at_end()) {
        if (scanner.accept(',')) continue;
        const auto token = scanner.token();
        if (token.empty()) return false;
        const bool ends_here = scanner.at_end() || scanner.accept(',');
        if (!ends_here) return false;
        if (matches(token)) return true;
    }
    return false;
}

std::string_view trimmed(std::string_view value) noexcept {
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    return value.substr(0, value.find_last_not_of(" \t") + 1);
}

/// Sixteen bytes in base64: 22 digits and two fill characters.
bool is_valid_key(std::string_view key) noexcept {
    const auto is_digit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    };
    return key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.begin() + 22, is_digit);
}

}  // namespace

void UpgradeRequest::add_header(std::string_view name, std::string_view value) {
    const auto once = [this, value](std::string_view& field) {
        repeated_ = repeated_ || !field.empty();
        field = trimmed(value);
    };
    if (equals_ignoring_case(name, "upgrade")) {
        upgrade_ = upgrade_ || any_token(value, [](auto token) { return equals_ignoring_case(token, "websocket"); });
    } else if (equals_ignoring_case(name, "connection")) {
        connection_ =
            connection_ || any_token(value, [](auto token) { return equals_ignoring_case(token, "upgrade"); });
    } else if (equals_ignoring_case(name, "sec-websocket-key")) {
        once(key_);
    } else if (equals_ignoring_case(name, "sec-websocket-version")) {
        once(version_);
    } else if (equals_ignoring_case(name, "sec-websocket-protocol")) {
        protocols_.push_back(value);
    } else if (equals_ignoring_case(name, "sec-websocket-extensions")) {
        extensions_.push_back(value);
    }
}

UpgradeRequest::Verdict UpgradeRequest::verdict() const noexcept {
    if (!is_upgrade() || repeated_) return Verdict::bad_request;
    if (version_ != kVersion) return Verdict::unsupported_version;
    return is_valid_key(key_) ? Verdict::accepted : Verdict::bad_request;
}

std::string_view UpgradeRequest::choose_subprotocol(std::span<const std::string> supported) const {
    for (const auto& wanted : supported) {
        for (const auto line : protocols_) {
            if (any_token(line, [&](auto token) { return token == wanted; })) return wanted;
        }
    }
    return {};
}

std::string accept_key(std::string_view key) {
    std::string text(key);
    text += kKeySuffix;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int digest_size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr) != 1) {
        throw std::bad_alloc();  // SHA-1 of a short text fails for want of memory only
    }
    std::array<unsigned char, 32> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest_size));
    return {encoded.begin(), encoded.begin() + length};
}

std::string format_upgrade_response(std::string_view key, std::string_view subprotocol, std::string_view extensions) {
    std::string response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    response += accept_key(key);
    if (!subprotocol.empty()) response.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
    if (!extensions.empty()) response.append("\r\nSec-WebSocket-Extensions: ").append(extensions);
    response += "\r\n\r\n";
    return response;
}

}  // namespace cryo::websocket
