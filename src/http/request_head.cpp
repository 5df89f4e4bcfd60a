#include "http/request_head.h"

#include <algorithm>
#include <charconv>

#include "http/chars.h"
#include "http/uri.h"

namespace cryo::http {
namespace {

bool all_digits(std::string_view text) noexcept { return std::all_of(text.begin(), text.end(), is_digit); }

bool starts_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
    return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

/// A host with an optional port: a name, an IPv4 address, or an IPv6 address in brackets (RFC 9110 7.2).
bool is_host(std::string_view text) noexcept {
    std::size_t end = 0;
    if (text.starts_with('[')) {
        end = text.find(']');
        if (end == std::string_view::npos || end == 1) return false;
        const auto address = text.substr(1, end - 1);
        if (!std::all_of(address.begin(), address.end(),
                         [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; })) {
            return false;
        }
        ++end;
    } else {
        end = std::min(text.find(':'), text.size());
        const auto name = text.substr(0, end);
        const auto is_name = [](char c) { return is_alpha(c) || is_digit(c) || std::string_view("-._~").find(c) < 4; };
        if (name.empty() || !std::all_of(name.begin(), name.end(), is_name)) return false;
    }
    const auto port = text.substr(end);
    return port.empty() || (port.size() <= 6 && port.front() == ':' && all_digits(port.substr(1)));
}

std::optional<Failure> parse_version(std::string_view version, Request& request) {
    const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                             version[6] == '.' && is_digit(version[7]);
    if (!well_formed) return Failure{400, "malformed request line"};
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return Failure{505, "HTTP version not supported"};
    request.minor_version = version.back() - '0';
    return std::nullopt;
}

/// The authority of a target in absolute form, empty in the other forms.
std::string_view authority_of(std::string_view target) noexcept {
    const std::size_t scheme_end = target.find("://");
    if (target.starts_with('/') || scheme_end == std::string_view::npos) return {};
    const auto rest = target.substr(scheme_end + 3);
    return rest.substr(0, rest.find_first_of("/?"));
}

/// Origin, absolute and asterisk form (RFC 9112 3.2).
std::optional<Failure> parse_target(std::string_view target, Request& request) {
    const auto is_target_character = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
    if (target.empty() || !std::all_of(target.begin(), target.end(), is_target_character)) {
        return Failure{400, "invalid character in the request target"};
    }
    if (request.method == "CONNECT") return Failure{501, "CONNECT is not supported"};

    std::string_view path = target;
    if (target == "*") {
        if (request.method != "OPTIONS") return Failure{400, "malformed request target"};
    } else if (!target.starts_with('/')) {
        if (!starts_ignoring_case(target, "http://") && !starts_ignoring_case(target, "https://")) {
            return Failure{400, "malformed request target"};
        }
        const auto authority = authority_of(target);
        if (!is_host(authority)) return Failure{400, "malformed host in the request target"};
        path = target.substr(static_cast<std::size_t>(authority.data() - target.data()) + authority.size());
    }

    const std::size_t question = std::min(path.find('?'), path.size());
    request.target = target;
    request.path = question == 0 ? std::string_view("/") : path.substr(0, question);
    request.query = path.substr(std::min(question + 1, path.size()));
    if (!is_decodable_path(request.path)) return Failure{400, "malformed escape in the request target"};
    return std::nullopt;
}

std::optional<Failure> parse_content_length(std::string_view value, BodyFraming& framing) {
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, framing.content_length);
    if (error != std::errc() || stop != end) return Failure{400, "malformed Content-Length"};
    return std::nullopt;
}

/// Gathers, header by header, what the server itself acts on.
class HeaderRules {
public:
    HeaderRules(Request& request, BodyFraming& framing) noexcept : request_(request), framing_(framing) {}

    std::optional<Failure> apply(const HttpHeaderView& header) {
        const auto is = [&](std::string_view name) { return equals_ignoring_case(header.name, name); };
        switch (header.name.size()) {  // spares most headers the comparisons
            case 4:
                return is("Host") ? host(header.value) : std::nullopt;
            case 6:
                return is("Expect") ? expect(header.value) : std::nullopt;
            case 7:
                if (is("Upgrade")) asks_for_websocket_ |= list_contains(header.value, "websocket");
                return std::nullopt;
            case 10:
                if (is("Connection")) connection(header.value);
                return std::nullopt;
            case 14:
                return is("Content-Length") ? content_length(header.value) : std::nullopt;
            case 17:
                return is("Transfer-Encoding") ? transfer_encoding(header.value) : std::nullopt;
            default:
                return std::nullopt;
        }
    }

    std::optional<Failure> conclude() {
        const bool is_1_1 = request_.minor_version == 1;
        if (is_1_1 && !has_host_) return Failure{400, "missing Host header"};
        if (framing_.chunked && has_length_) return Failure{400, "Transfer-Encoding together with Content-Length"};
        if (framing_.chunked && !is_1_1) return Failure{400, "Transfer-Encoding in HTTP/1.0"};
        request_.keep_alive = !says_close_ && (is_1_1 || says_keep_alive_);
        // HTTP/1.0 knows neither upgrades nor expectations (RFC 9110 7.8, 10.1.1).
        request_.upgrade_websocket = is_1_1 && asks_for_websocket_;
        request_.expect_continue = is_1_1 && expects_continue_;
        return std::nullopt;
    }

private:
    std::optional<Failure> host(std::string_view value) {
        if (has_host_) return Failure{400, "repeated Host header"};
        has_host_ = true;
        if (!is_host(value)) return Failure{400, "malformed Host header"};
        const auto authority = authority_of(request_.target);
        if (!authority.empty() && !equals_ignoring_case(authority, value)) {
            return Failure{400, "Host header and request target name different hosts"};
        }
        return std::nullopt;
    }

    std::optional<Failure> expect(std::string_view value) {
        if (!equals_ignoring_case(value, "100-continue")) return Failure{417, "unknown expectation"};
        expects_continue_ = true;
        return std::nullopt;
    }

    void connection(std::string_view value) {
        says_close_ |= list_contains(value, "close");
        says_keep_alive_ |= list_contains(value, "keep-alive");
    }

    std::optional<Failure> content_length(std::string_view value) {
        if (has_length_) return Failure{400, "repeated Content-Length"};
        has_length_ = true;
        return parse_content_length(value, framing_);
    }

    std::optional<Failure> transfer_encoding(std::string_view value) {
        if (framing_.chunked) return Failure{400, "repeated Transfer-Encoding"};
        if (!equals_ignoring_case(value, "chunked")) return Failure{501, "unknown transfer coding"};
        framing_.chunked = true;
        return std::nullopt;
    }

    Request& request_;
    BodyFraming& framing_;
    bool has_host_ = false;
    bool has_length_ = false;
    bool says_close_ = false;
    bool says_keep_alive_ = false;
    bool asks_for_websocket_ = false;
    bool expects_continue_ = false;
};

std::optional<Failure> parse_header_line(std::string_view line, HttpHeaderView& header) {
    if (line.front() == ' ' || line.front() == '\t') return Failure{400, "folded header line"};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Failure{400, "header line without a colon"};
    header = {line.substr(0, colon), trim(line.substr(colon + 1))};
    // Includes white space before the colon, which has split requests before (RFC 9112 5.1).
    if (!is_token(header.name)) return Failure{400, "invalid header name"};
    return std::nullopt;
}

}  // namespace

std::optional<Failure> parse_request_line(std::string_view line, Request& request) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == last) return Failure{400, "malformed request line"};
    request.method = line.substr(0, first);
    if (!is_token(request.method)) return Failure{400, "malformed request line"};
    if (auto failure = parse_version(line.substr(last + 1), request)) return failure;
    return parse_target(line.substr(first + 1, last - first - 1), request);
}

std::optional<Failure> parse_header_lines(std::string_view lines, std::size_t max_headers, Request& request,
                                          BodyFraming& framing) {
    HeaderRules rules(request, framing);
    while (!lines.empty()) {
        const std::size_t end = lines.find('\r');
        if (request.headers.size() == max_headers) return Failure{431, "too many headers"};
        auto& header = request.headers.emplace_back();
        if (auto failure = parse_header_line(lines.substr(0, end), header)) return failure;
        if (auto failure = rules.apply(header)) return failure;
        lines.remove_prefix(end + 2);
    }
    return rules.conclude();
}

}  // namespace cryo::http
