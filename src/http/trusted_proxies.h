#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/http.h>
#include <cryo/result.h>

namespace cryo::http {

/// An IPv4 or IPv6 address; IPv4 is kept as IPv4-mapped IPv6, so that both spellings are one address.
using IpAddress = std::array<std::uint8_t, 16>;

std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept;

/// Canonical text; IPv4-mapped addresses in dotted form.
std::string to_string(const IpAddress& address);

/// The proxies whose X-Forwarded-For is believed. A value type.
class TrustedProxies {
public:
    /// Trusts nobody.
    TrustedProxies() = default;

    /// Entries are addresses or CIDR blocks: `10.0.0.0/8`, `::1`. Fails on the first that is neither, and names it.
    static Result<TrustedProxies> parse(const std::vector<std::string>& entries);

    /// Address of the client behind a connection from `peer`: walks the X-Forwarded-For headers from the nearest proxy
    /// outwards, as long as each hop is trusted. Anyone can prepend addresses to the header, so what an untrusted hop
    /// says is not looked at; a malformed address ends the walk at the hop that reported it.
    std::string client_address(std::string_view peer, std::span<const HttpHeaderView> headers) const;

private:
    struct Block {
        IpAddress address{};
        unsigned prefix_bits = 128;
    };

    static std::optional<Block> parse_block(std::string_view text);
    bool trusts(const IpAddress& address) const noexcept;

    std::vector<Block> blocks_{};
};

}  // namespace cryo::http
