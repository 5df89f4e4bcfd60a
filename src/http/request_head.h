#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "http/request.h"

/// What the head of a request says, given its lines: the rules of RFC 9112 sections 3, 5, 6 and 9, without any
/// buffering.
namespace cryo::http {

struct BodyFraming {
    bool chunked = false;
    std::size_t content_length = 0;
};

/// Sets method, target, path, query and version of `request` from its first line, given without CRLF.
std::optional<Failure> parse_request_line(std::string_view line, Request& request);

/// Sets the rest of the head of `request`, whose first line has been parsed, and `framing`. `lines` ends each in CRLF
/// and holds no other control characters than TAB.
std::optional<Failure> parse_header_lines(std::string_view lines, std::size_t max_headers, Request& request,
                                          BodyFraming& framing);

}  // namespace cryo::http
