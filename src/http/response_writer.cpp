#include "http/response_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "http/chars.h"

namespace cryo::http {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 41> kReasons{{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
}};

constexpr std::array<std::string_view, 5> kServerHeaders{"Content-Length", "Content-Type", "Connection", "Date",
                                                         "Transfer-Encoding"};

bool is_field_value(std::string_view value) noexcept { return std::all_of(value.begin(), value.end(), is_field_text); }

/// Says why a response of the application cannot be sent; empty when it can.
std::string find_error(const HttpResponse& response) {
    // Interim responses are the server's business.
    if (response.status < 200 || response.status > 599) return "status " + std::to_string(response.status);
    if (!is_field_value(response.content_type)) return "content_type contains control characters";
    for (const auto& header : response.headers) {
        if (!is_token(header.name)) return "invalid header name";
        if (!is_field_value(header.value)) return "value of header " + header.name + " contains control characters";
        const auto is_its_name = [&](std::string_view name) { return equals_ignoring_case(name, header.name); };
        if (std::any_of(kServerHeaders.begin(), kServerHeaders.end(), is_its_name)) {
            return "header " + header.name + " is set by the server";
        }
    }
    return {};
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

std::string write(const HttpResponse& response, const ResponseContext& context) {
    const bool bodiless = response.status == 204 || response.status == 304;
    std::string out;
    out.reserve(256 + (bodiless || context.head_request ? 0 : response.body.size()));
    out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    out.append(reason_phrase(response.status)).append("\r\n");
    if (!context.date.empty()) append_header(out, "Date", context.date);
    if (!bodiless) {  // RFC 9110 8.6, 15.4.5
        if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
        append_header(out, "Content-Length", std::to_string(response.body.size()));
    }
    for (const auto& header : response.headers) append_header(out, header.name, header.value);
    append_header(out, "Connection", context.keep_alive ? "keep-alive" : "close");
    out.append("\r\n");
    if (!bodiless && !context.head_request) out.append(response.body);
    return out;
}

}  // namespace

SerializedResponse serialize(const HttpResponse& response, const ResponseContext& context) {
    std::string error = find_error(response);
    if (error.empty()) return {write(response, context), {}};
    return {write(HttpResponse::text(500, "internal server error\n"), context), std::move(error)};
}

std::string_view reason_phrase(int status) noexcept {
    const auto found = std::find_if(kReasons.begin(), kReasons.end(), [&](const auto& r) { return r.first == status; });
    return found == kReasons.end() ? "Unknown" : found->second;
}

}  // namespace cryo::http
