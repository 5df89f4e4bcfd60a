#include <algorithm>
#include <utility>

#include "websocket/deflate.h"
#include "websocket/header_scanner.h"

// RFC 7692 7.1: the parameters of permessage-deflate.
namespace cryo::websocket {
namespace {

constexpr std::string_view kExtension = "permessage-deflate";
constexpr std::string_view kServerNoTakeover = "server_no_context_takeover";
constexpr std::string_view kClientNoTakeover = "client_no_context_takeover";
constexpr std::string_view kServerWindow = "server_max_window_bits";
constexpr std::string_view kClientWindow = "client_max_window_bits";

struct Offer {
    bool server_no_takeover = false;
    bool client_no_takeover = false;
    std::optional<int> server_window;
    std::optional<int> client_window;  // 15 for the parameter without a value: any limit is welcome

    bool add(std::string_view name, const std::optional<std::string>& value);
};

std::optional<int> parse_window_bits(std::string_view text) {
    if (text.size() == 1 && (text[0] == '8' || text[0] == '9')) return text[0] - '0';
    if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + (text[1] - '0');
    return std::nullopt;
}

/// False for what makes an offer one to decline: unknown, repeated or with a wrong value.
bool Offer::add(std::string_view name, const std::optional<std::string>& value) {
    if (name == kServerNoTakeover) return !value && !std::exchange(server_no_takeover, true);
    if (name == kClientNoTakeover) return !value && !std::exchange(client_no_takeover, true);
    if (name != kServerWindow && name != kClientWindow) return false;
    auto& window = name == kServerWindow ? server_window : client_window;
    if (window) return false;
    window = value ? parse_window_bits(*value) : name == kClientWindow ? std::optional(15) : std::nullopt;
    return window.has_value();
}

DeflateAgreement agree(const Offer& offer, const DeflateOptions& options) {
    DeflateAgreement agreement;
    DeflateParameters& p = agreement.parameters;
    p.server_max_window_bits = std::min(offer.server_window.value_or(15), options.max_window_bits);
    p.client_max_window_bits = offer.client_window ? std::min(*offer.client_window, options.max_window_bits) : 15;
    p.server_context_takeover = options.server_context_takeover && !offer.server_no_takeover;
    p.client_context_takeover = !offer.client_no_takeover;

    const auto add = [&response = agreement.response](std::string_view name) { response.append("; ").append(name); };
    const auto add_bits = [&](std::string_view name, int bits) {
        add(name);
        agreement.response.append("=").append(std::to_string(bits));
    };
    agreement.response = kExtension;
    if (!p.server_context_takeover) add(kServerNoTakeover);
    if (!p.client_context_takeover) add(kClientNoTakeover);
    if (offer.server_window) add_bits(kServerWindow, p.server_max_window_bits);
    if (p.client_max_window_bits < 15) add_bits(kClientWindow, p.client_max_window_bits);
    return agreement;
}

/// The offers of one header line; none of those behind a syntax error.
std::optional<DeflateAgreement> negotiate_line(std::string_view line, const DeflateOptions& options) {
    HeaderScanner scanner(line);
    while (!scanner.at_end()) {
        if (scanner.accept(',')) continue;  // empty elements are allowed, RFC 9110 5.6.1
        const auto extension = scanner.token();
        if (extension.empty()) return std::nullopt;
        Offer offer;
        bool usable = extension == kExtension;
        while (scanner.accept(';')) {
            const auto name = scanner.token();
            if (name.empty()) return std::nullopt;
            std::optional<std::string> value;
            if (scanner.accept('=') && !(value = scanner.token_or_quoted())) return std::nullopt;
            usable = usable && offer.add(name, value);
        }
        if (!scanner.at_end() && !scanner.accept(',')) return std::nullopt;
        if (usable) return agree(offer, options);
    }
    return std::nullopt;
}

}  // namespace

std::optional<DeflateAgreement> negotiate_deflate(std::span<const std::string_view> header_lines,
                                                  const DeflateOptions& options) {
    if (!options.enabled) return std::nullopt;
    for (const auto line : header_lines) {
        if (auto agreement = negotiate_line(line, options)) return agreement;
    }
    return std::nullopt;
}

}  // namespace cryo::websocket
