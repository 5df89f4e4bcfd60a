#include "http/trusted_proxies.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "http/chars.h"

namespace cryo::http {
namespace {

constexpr IpAddress kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedPrefixBits = 96;

bool is_mapped_ipv4(const IpAddress& address) noexcept {
    return std::equal(address.begin(), address.begin() + 12, kMappedPrefix.begin());
}

bool same_prefix(const IpAddress& a, const IpAddress& b, unsigned bits) noexcept {
    const auto whole = static_cast<std::ptrdiff_t>(bits / 8);
    if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
    const unsigned rest = bits % 8;
    const auto at = static_cast<std::size_t>(whole);
    return rest == 0 || ((a[at] ^ b[at]) >> (8 - rest)) == 0;
}

/// An entry of X-Forwarded-For. Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
std::optional<IpAddress> parse_hop(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        return end == std::string_view::npos ? std::nullopt : parse_ip_address(text.substr(1, end - 1));
    }
    const std::size_t colon = text.find(':');
    const bool has_port = colon != std::string_view::npos && colon == text.rfind(':');
    return parse_ip_address(has_port ? text.substr(0, colon) : text);
}

/// Cuts off and returns the last entry of a comma-separated list.
std::string_view take_last(std::string_view& list) noexcept {
    const std::size_t comma = list.rfind(',');
    const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const auto entry = trim(list.substr(begin));
    list = list.substr(0, begin == 0 ? 0 : comma);
    return entry;
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    IpAddress address = kMappedPrefix;
    if (::inet_pton(AF_INET, terminated.data(), address.data() + 12) == 1) return address;
    if (::inet_pton(AF_INET6, terminated.data(), address.data()) == 1) return address;
    return std::nullopt;
}

std::string to_string(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_mapped_ipv4(address)) {
        ::inet_ntop(AF_INET, address.data() + 12, text.data(), text.size());
    } else {
        ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
    }
    return text.data();
}

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& entries) {
    TrustedProxies proxies;
    for (const auto& entry : entries) {
        const auto block = parse_block(entry);
        if (!block) {
            return Error{Errc::invalid_argument, "trusted proxy '" + entry + "' is not an IP address or CIDR block"};
        }
        proxies.blocks_.push_back(*block);
    }
    return proxies;
}

std::optional<TrustedProxies::Block> TrustedProxies::parse_block(std::string_view text) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto address = parse_ip_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == text.size()) return Block{*address, 128};
    // The spelling decides: a block of mapped addresses in IPv6 notation counts its prefix in IPv6 bits.
    const unsigned offset = text.substr(0, slash).find(':') == std::string_view::npos ? kMappedPrefixBits : 0;
    const auto digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || stop != digits.data() + digits.size() || bits > 128 - offset) return std::nullopt;
    return Block{*address, bits + offset};
}

bool TrustedProxies::trusts(const IpAddress& address) const noexcept {
    return std::any_of(blocks_.begin(), blocks_.end(),
                       [&](const Block& block) { return same_prefix(address, block.address, block.prefix_bits); });
}

std::string TrustedProxies::client_address(std::string_view peer, std::span<const HttpHeaderView> headers) const {
    auto hop = parse_ip_address(peer);
    if (!hop) return std::string(peer);
    for (auto header = headers.rbegin(); header != headers.rend() && trusts(*hop); ++header) {
        if (!equals_ignoring_case(header->name, "X-Forwarded-For")) continue;
        for (auto list = header->value; !list.empty() && trusts(*hop);) {
            const auto next = parse_hop(take_last(list));
            if (!next) return to_string(*hop);
            hop = next;
        }
    }
    return to_string(*hop);
}

}  // namespace cryo::http
