#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/http.h>
#include <cryo/result.h>

namespace cryo::http {

enum class RouteStatus {
    found,
    not_found,           ///< no route has this path: 404
    method_not_allowed,  ///< the path has routes for other methods: 405 with `allow`
    options,             ///< OPTIONS, which no route of the path handles itself: 204 with `allow`
};

/// The patterns of a router and what they are matched by; `Router` adds the payloads.
class RouteTable {
public:
    struct Match {
        RouteStatus status = RouteStatus::not_found;
        std::size_t route = 0;            ///< index in order of `add`, when found
        std::vector<HttpParam> params{};  ///< when found; the names are valid until the next `add`
        std::string allow{};              ///< value of the Allow header, when not found for the method
    };

    Result<> add(std::string_view method, std::string_view pattern);
    Match match(std::string_view method, std::string_view path) const;

private:
    struct Segment {
        enum class Kind { literal, capture, wildcard };
        Kind kind = Kind::literal;
        std::string text{};  // literal, or name of the capture
    };
    struct Route {
        std::string method{};
        std::vector<Segment> segments{};
        std::size_t index = 0;
    };
    struct Path;

    static Result<std::vector<Segment>> parse_pattern(std::string_view pattern);
    static bool precedes(const Route& a, const Route& b);
    static bool same_shape(const std::vector<Segment>& a, const std::vector<Segment>& b);
    static bool matches(const Route& route, const Path& path);
    static std::vector<HttpParam> captures(const Route& route, const Path& path);

    const Route* find(std::string_view method, const Path& path) const;
    std::string allowed_methods(const Path& path) const;

    std::vector<Route> routes_{};  // more specific ones first
};

/// Finds the payload of a method and path among routes such as `GET /channel/:name`.
///
/// Patterns are written decoded and compared segment by segment. `:name` captures one segment that is not empty; a last
/// segment `*` takes whatever follows, undecoded. At the first difference a literal beats a capture, and a capture a
/// `*`, whatever the order of `add`. HEAD falls back to GET. The method `*` is any; for the same pattern it comes last.
/// So `*` `/*` catches what nothing else does, in place of `method_not_allowed` and `options` too. Paths with `.` or
/// `..` segments match nothing.
template <class Payload>
class Router {
public:
    struct Match : RouteTable::Match {
        const Payload* payload = nullptr;  ///< null unless found
    };

    /// Fails on a malformed pattern or method, and on a route that could never be told from an earlier one.
    Result<> add(std::string_view method, std::string_view pattern, Payload payload) {
        auto added = table_.add(method, pattern);
        if (added) payloads_.push_back(std::move(payload));
        return added;
    }

    /// `path` is percent-encoded, as in `Request::path`; `*` stands for the whole server.
    Match match(std::string_view method, std::string_view path) const {
        Match match{table_.match(method, path)};
        if (match.status == RouteStatus::found) match.payload = &payloads_[match.route];
        return match;
    }

private:
    RouteTable table_{};
    std::vector<Payload> payloads_{};
};

}  // namespace cryo::http
