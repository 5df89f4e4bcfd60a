#include "routes.h"

#include <algorithm>
#include <utility>

namespace cryo::broker {
namespace {

/// As Go's `http.Redirect` answers. The location is the path of a route, so it needs no escaping in the page.
HttpResponse redirect(std::string_view method, std::string location) {
    HttpResponse response{.status = method == "GET" ? 301 : 307, .content_type = ""};
    if (method == "GET") {
        response.content_type = "text/html; charset=utf-8";
        const auto path = location.substr(0, location.find('?'));
        response.body = "<a href=\"" + path + "\">Moved Permanently</a>.\n\n";
    }
    response.headers.push_back({"Location", std::move(location)});
    return response;
}

bool is_plain(std::string_view path) {
    return std::ranges::none_of(path, [](char c) { return c == '"' || c == '<' || c == '>' || c == '&' || c == '\''; });
}

}  // namespace

void Routes::add(std::string_view method, std::string_view pattern, HttpHandler handler) {
    known_.push_back({std::string(method), path(pattern)});
    auto added = server_.http(method, path(pattern), std::move(handler));
    if (!added && result_) result_ = std::move(added);
}

Result<> Routes::finish() {
    if (!result_) return result_;
    auto handler = [known = known_, fallback = fallback_](const HttpRequest& request, HttpReply reply) {
        const auto query = std::min(request.raw_target.find('?'), request.raw_target.size());
        auto path = request.raw_target.substr(0, query);
        if (path.ends_with('/') && is_plain(path)) {
            path.remove_suffix(1);
            for (const auto& route : known) {
                if (!matches(route, request.method, path)) continue;
                return reply.send(
                    redirect(request.method, std::string(path) + std::string(request.raw_target.substr(query))));
            }
        }
        fallback(request, std::move(reply));
    };
    return server_.http("*", path("/*"), std::move(handler));
}

bool Routes::matches(const Known& route, std::string_view method, std::string_view path) {
    if (route.method != "*" && route.method != method) return false;
    const std::string_view pattern = route.pattern;
    const auto capture = pattern.find("/:");
    if (capture == pattern.npos) return path == pattern;
    if (path.size() <= capture + 1 || !path.starts_with(pattern.substr(0, capture + 1))) return false;
    return path.find('/', capture + 1) == path.npos;
}

}  // namespace cryo::broker
