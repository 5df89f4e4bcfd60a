#include "http/router.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <set>

#include "http/chars.h"
#include "http/uri.h"

namespace cryo::http {
namespace {

constexpr std::size_t kMaxSegments = 64;
constexpr std::string_view kAnyMethod = "*";

Error invalid(std::string_view pattern, std::string_view problem) {
    return {Errc::invalid_argument, "route pattern '" + std::string(pattern) + "': " + std::string(problem)};
}

bool is_capture_name(std::string_view name) noexcept {
    const auto allowed = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
    return !name.empty() && !is_digit(name.front()) && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

/// A request path, cut into segments.
struct RouteTable::Path {
    struct Segment {
        std::string text{};       // decoded
        std::string_view rest{};  // from the start of this segment to the end of the path, undecoded
    };
    bool whole_server = false;
    std::vector<Segment> segments{};

    static std::optional<Path> parse(std::string_view text) {
        Path path;
        path.whole_server = text == "*";
        if (path.whole_server) return path;
        if (!text.starts_with('/')) return std::nullopt;
        do {
            text.remove_prefix(1);
            const auto raw = text.substr(0, text.find('/'));
            auto decoded = percent_decode(raw);
            const bool usable = decoded && *decoded != "." && *decoded != ".." && path.segments.size() < kMaxSegments;
            if (!usable) return std::nullopt;
            path.segments.push_back({std::move(*decoded), text});
            text.remove_prefix(raw.size());
        } while (!text.empty());
        return path;
    }
};

Result<> RouteTable::add(std::string_view method, std::string_view pattern) {
    if (!is_token(method)) return invalid(pattern, "method '" + std::string(method) + "' is not a token");
    auto segments = parse_pattern(pattern);
    if (!segments) return std::move(segments).error();
    const auto clashes = [&](const Route& route) {
        return route.method == method && same_shape(route.segments, *segments);
    };
    if (std::any_of(routes_.begin(), routes_.end(), clashes)) {
        return Error{Errc::duplicate, "route " + std::string(method) + " " + std::string(pattern) + " exists already"};
    }
    Route route{std::string(method), std::move(*segments), routes_.size()};
    const auto position = std::upper_bound(routes_.begin(), routes_.end(), route, precedes);
    routes_.insert(position, std::move(route));
    return {};
}

Result<std::vector<RouteTable::Segment>> RouteTable::parse_pattern(std::string_view pattern) {
    std::vector<Segment> segments;
    std::set<std::string_view> names;
    if (!pattern.starts_with('/')) return invalid(pattern, "does not start with '/'");
    if (pattern.find_first_of("%?#") != std::string_view::npos) return invalid(pattern, "contains '%', '?' or '#'");
    for (auto left = pattern; !left.empty();) {
        left.remove_prefix(1);
        const auto text = left.substr(0, left.find('/'));
        left.remove_prefix(text.size());
        const bool last = left.empty();
        if (segments.size() == kMaxSegments) return invalid(pattern, "has too many segments");
        if (text == "*") {
            if (!last) return invalid(pattern, "has a '*' before its last segment");
            segments.push_back({Segment::Kind::wildcard, "*"});
        } else if (text.starts_with(':')) {
            const auto name = text.substr(1);
            if (!is_capture_name(name)) return invalid(pattern, "has a malformed capture name");
            if (!names.insert(name).second) return invalid(pattern, "captures '" + std::string(name) + "' twice");
            segments.push_back({Segment::Kind::capture, std::string(name)});
        } else {
            if (text.empty() && !last) return invalid(pattern, "has an empty segment");
            if (text == "." || text == ".." || !std::all_of(text.begin(), text.end(), is_field_text) ||
                text.find('*') != std::string_view::npos) {
                return invalid(pattern, "has a malformed segment");
            }
            segments.push_back({Segment::Kind::literal, std::string(text)});
        }
    }
    return segments;
}

bool RouteTable::precedes(const Route& a, const Route& b) {
    const auto order = std::lexicographical_compare_three_way(
        a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
        [](const Segment& x, const Segment& y) { return x.kind <=> y.kind; });
    return order != 0 ? order < 0 : a.method != kAnyMethod && b.method == kAnyMethod;
}

bool RouteTable::same_shape(const std::vector<Segment>& a, const std::vector<Segment>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Segment& x, const Segment& y) {
        return x.kind == y.kind && (x.kind != Segment::Kind::literal || x.text == y.text);
    });
}

bool RouteTable::matches(const Route& route, const Path& path) {
    if (path.whole_server) return true;
    std::size_t i = 0;
    for (const auto& segment : route.segments) {
        if (i == path.segments.size()) return false;
        const auto& text = path.segments[i++].text;
        if (segment.kind == Segment::Kind::wildcard) return true;
        if (segment.kind == Segment::Kind::capture ? text.empty() : text != segment.text) return false;
    }
    return i == path.segments.size();
}

std::vector<HttpParam> RouteTable::captures(const Route& route, const Path& path) {
    std::vector<HttpParam> params;
    for (std::size_t i = 0; i < route.segments.size(); ++i) {
        const auto& segment = route.segments[i];
        if (segment.kind == Segment::Kind::capture) params.push_back({segment.text, path.segments[i].text});
        if (segment.kind == Segment::Kind::wildcard) params.push_back({"*", std::string(path.segments[i].rest)});
    }
    return params;
}

const RouteTable::Route* RouteTable::find(std::string_view method, const Path& path) const {
    if (path.whole_server) return nullptr;
    const auto found = std::find_if(routes_.begin(), routes_.end(),
                                    [&](const Route& route) { return route.method == method && matches(route, path); });
    return found == routes_.end() ? nullptr : &*found;
}

std::string RouteTable::allowed_methods(const Path& path) const {
    std::set<std::string_view> methods;
    for (const auto& route : routes_) {
        if (route.method != kAnyMethod && matches(route, path)) methods.insert(route.method);
    }
    if (methods.empty()) return {};
    if (methods.contains("GET")) methods.insert("HEAD");
    methods.insert("OPTIONS");
    std::string list;
    for (const auto method : methods) list.append(list.empty() ? "" : ", ").append(method);
    return list;
}

RouteTable::Match RouteTable::match(std::string_view method, std::string_view path_text) const {
    const auto path = Path::parse(path_text);
    if (!path) return {};
    const Route* route = find(method, *path);
    if (!route && method == "HEAD") route = find("GET", *path);
    if (const Route* any = find(kAnyMethod, *path); any && (!route || precedes(*any, *route))) route = any;
    if (route) {
        return {.status = RouteStatus::found, .route = route->index, .params = captures(*route, *path)};
    }
    auto allow = allowed_methods(*path);
    if (allow.empty()) return {};
    return {.status = method == "OPTIONS" ? RouteStatus::options : RouteStatus::method_not_allowed,
            .allow = std::move(allow)};
}

}  // namespace cryo::http
