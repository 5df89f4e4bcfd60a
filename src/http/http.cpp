#include <algorithm>

#include <cryo/http.h>

#include "http/chars.h"
#include "http/request.h"
#include "http/uri.h"

namespace cryo {

std::string_view HttpRequest::header(std::string_view name) const noexcept { return http::find_header(headers, name); }

std::optional<std::string> HttpRequest::query(std::string_view name) const {
    auto all = http::parse_query(query_string);
    if (!all) return std::nullopt;
    const auto found = std::find_if(all->begin(), all->end(), [&](const auto& entry) { return entry.name == name; });
    if (found == all->end()) return std::nullopt;
    return std::move(found->value);
}

std::string_view HttpRequest::param(std::string_view name) const noexcept {
    const auto found =
        std::find_if(params.begin(), params.end(), [&](const HttpParam& param) { return param.name == name; });
    return found == params.end() ? std::string_view() : found->value;
}

std::string_view HttpRequest::body_text() const noexcept { return as_text(body); }

}  // namespace cryo
