#include "http/request.h"

#include <algorithm>

#include "http/chars.h"

namespace cryo::http {

std::string_view find_header(std::span<const HttpHeaderView> headers, std::string_view name) noexcept {
    const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeaderView& header) {
        return equals_ignoring_case(header.name, name);
    });
    return found == headers.end() ? std::string_view() : found->value;
}

HttpRequest borrow(const Request& request, std::string_view decoded_path, std::span<const HttpParam> params,
                   std::string_view remote_address) noexcept {
    return {.method = request.method,
            .raw_target = request.target,
            .path = decoded_path,
            .query_string = request.query,
            .headers = request.headers,
            .params = params,
            .body = request.body,
            .remote_address = remote_address};
}

}  // namespace cryo::http
