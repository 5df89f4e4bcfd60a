// The HTTP request parser, whole against cut up, and what the server does with a request before any handler sees it.
// Input: one byte that picks the cuts, then a stream of requests.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"
#include "http/response_writer.h"
#include "http/router.h"
#include "http/trusted_proxies.h"
#include "http/uri.h"

namespace {

using namespace cryo;
using namespace cryo::http;
using State = RequestParser::State;

constexpr HttpLimits kLimits{
    .max_request_line_bytes = 128, .max_header_bytes = 512, .max_headers = 12, .max_body_bytes = 256};

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

/// What the parser said about each request of the stream, in a form to compare.
struct Transcript {
    std::string text{};
    std::size_t consumed = 0;
};

void append(std::string& out, std::string_view part) {
    out.append(std::to_string(part.size())).append(":").append(part);
}

void describe(const Request& request, std::string& out) {
    for (const auto part : {request.method, request.target, request.path, request.query}) append(out, part);
    for (const auto& header : request.headers) {
        append(out, header.name);
        append(out, header.value);
    }
    append(out, as_text(request.body));
    for (const bool flag :
         {request.minor_version == 1, request.keep_alive, request.expect_continue, request.upgrade_websocket}) {
        out += flag ? '1' : '0';
    }
}

template <class NextSize, class Visit>
Transcript parse_stream(std::string_view input, NextSize next_size, Visit visit) {
    Transcript transcript;
    RequestParser parser(kLimits);
    while (transcript.consumed < input.size()) {
        const std::string piece(input.substr(transcript.consumed, next_size()));
        std::size_t consumed = 0;
        const auto state = parser.consume(as_bytes(piece), consumed);
        require(consumed <= piece.size(), "consumed more than there was");
        require(consumed == piece.size() || state != State::need_more, "left bytes of an incomplete request");
        transcript.consumed += consumed;
        if (state == State::failed) {
            require(parser.failure().status >= 400 && !parser.failure().text.empty(), "failure without a reason");
            append(transcript.text, std::to_string(parser.failure().status));
            append(transcript.text, parser.failure().text);
            break;
        }
        if (state == State::complete) {
            describe(parser.request(), transcript.text);
            visit(parser.request());
            parser.reset();
        }
    }
    return transcript;
}

Router<int> make_router() {
    Router<int> router;
    int payload = 0;
    for (const std::string_view pattern : {"/", "/health", "/channel/:name", "/channel/subscribe/:name", "/files/*"}) {
        require(router.add("GET", pattern, payload++).ok(), "route refused");
    }
    require(router.add("POST", "/:a/:b", payload).ok(), "route refused");
    return router;
}

void check_file_path(std::string_view path) {
    const auto file = parse_file_path(path);
    if (!file) return;
    for (const auto& name : file->segments) {
        require(!name.empty() && name.front() != '.', "dot segment in a file path");
        require(name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos, "separator in a file name");
    }
}

void check_request(const Request& request) {
    static const Router<int> router = make_router();
    static const TrustedProxies proxies = std::move(TrustedProxies::parse({"10.0.0.0/8"})).value();

    for (const auto& header : request.headers) {
        require(header.name.find_first_of(" \t\r\n:") == std::string_view::npos, "separator in a header name");
        require(header.value.find_first_of("\r\n") == std::string_view::npos, "line break in a header value");
    }
    require(request.headers.size() <= kLimits.max_headers, "too many headers");
    require(request.body.size() <= kLimits.max_body_bytes, "body over the limit");
    require(request.path == "*" || (request.path.starts_with('/') && percent_decode(request.path)), "malformed path");

    const auto match = router.match(request.method, request.path);
    require((match.status == RouteStatus::found) == (match.payload != nullptr), "route without its payload");
    for (const auto& param : match.params) {
        if (param.name == "*") check_file_path(param.value);
    }
    check_file_path(request.path.substr(1));
    const auto query = parse_query(request.query);
    require(!query || query->size() <= kMaxQueryParameters, "too many parameters");
    require(parse_ip_address(proxies.client_address("10.0.0.1", request.headers)).has_value(), "malformed address");

    HttpResponse response{.body = std::string(as_text(request.body))};
    for (const auto& header : request.headers) {
        response.headers.push_back({std::string(header.name), std::string(header.value)});
    }
    const auto sent = serialize(response, {.keep_alive = request.keep_alive});
    require(sent.bytes.find("\r\n\r\n") != std::string::npos, "response without an end of its head");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input = as_text(std::as_bytes(std::span(data + 1, size - 1)));
    std::mt19937 random(data[0]);
    const auto whole = parse_stream(
        input, [&] { return input.size(); }, check_request);
    const auto cut = parse_stream(
        input, [&] { return std::size_t{1} + random() % 9; }, [](const Request&) {});
    require(whole.text == cut.text && whole.consumed == cut.consumed, "result depends on how the bytes arrive");

    // What no request can carry: the same functions on arbitrary bytes.
    static_cast<void>(parse_query(input));
    check_file_path(input);
    static_cast<void>(make_router().match("GET", input));
    return 0;
}
