#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <cryo/options.h>

#include "http/trusted_proxies.h"

namespace cryo {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongest = std::chrono::hours(24);
constexpr unsigned kMaxThreads = 1024;
constexpr std::chrono::microseconds kMaxSpin{10'000};
constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 30;
/// Below this a CALE handshake does not fit.
constexpr std::size_t kMinControlBytes = 1024;

class Problems {
public:
    template <class... Args>
    void require(bool fine, fmt::format_string<Args...> problem, Args&&... args) {
        if (fine) return;
        if (!text_.empty()) text_ += '\n';
        text_ += fmt::format(problem, std::forward<Args>(args)...);
    }

    template <class T>
    void in_range(std::string_view name, T value, T least, T most) {
        require(least <= value && value <= most, "{} ({}) must be from {} to {}", name, value, least, most);
    }

    void at_least_one(std::string_view name, std::size_t value) {
        require(value > 0, "{} (0) must be at least 1", name);
    }

    void duration(std::string_view name, milliseconds value, milliseconds least = milliseconds(1)) {
        require(least <= value && value <= kLongest, "{} ({} ms) must be from {} ms to {} ms", name, value.count(),
                least.count(), kLongest.count());
    }

    Result<> result() && {
        if (text_.empty()) return {};
        return Error{Errc::invalid_option, std::move(text_)};
    }

private:
    std::string text_;
};

void check_durations(const ServerOptions& options, Problems& problems) {
    problems.require(options.spin.count() >= 0 && options.spin <= kMaxSpin, "spin ({} us) must be from 0 us to {} us",
                     options.spin.count(), kMaxSpin.count());
    problems.duration("keepalive_interval", options.keepalive_interval);
    problems.duration("ack_timeout", options.ack_timeout);
    problems.duration("handshake_timeout", options.handshake_timeout);
    problems.duration("auth_timeout", options.auth_timeout);
    problems.duration("reply_timeout", options.reply_timeout);
    problems.duration("close_timeout", options.close_timeout);
    problems.duration("drain_timeout", options.drain_timeout, milliseconds(0));
    problems.duration("cale_handshake_timeout", options.cale_handshake_timeout);
}

void check_tls(const TlsOptions& tls, Problems& problems) {
    problems.require(!tls.certificate_file.empty(), "tls.certificate_file is missing");
    problems.require(!tls.key_file.empty(), "tls.key_file is missing");
}

void check_backpressure(const Backpressure& limits, Problems& problems) {
    problems.at_least_one("backpressure.high_water_mark", limits.high_water_mark);
    problems.require(limits.low_water_mark <= limits.high_water_mark,
                     "backpressure.low_water_mark ({}) must not be above backpressure.high_water_mark ({})",
                     limits.low_water_mark, limits.high_water_mark);
    problems.at_least_one("backpressure.max_queued_bytes", limits.max_queued_bytes);
    problems.at_least_one("backpressure.max_queue_count", limits.max_queue_count);
    problems.require(limits.max_control_bytes >= kMinControlBytes,
                     "backpressure.max_control_bytes ({}) must be at least {}", limits.max_control_bytes,
                     kMinControlBytes);
    problems.at_least_one("backpressure.max_deferred_count", limits.max_deferred_count);
    problems.at_least_one("backpressure.max_deferred_bytes", limits.max_deferred_bytes);
}

void check_http(const HttpLimits& limits, Problems& problems) {
    problems.at_least_one("http.max_request_line_bytes", limits.max_request_line_bytes);
    problems.at_least_one("http.max_header_bytes", limits.max_header_bytes);
    problems.at_least_one("http.max_headers", limits.max_headers);
}

bool is_origin(std::string_view text) noexcept {
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos || scheme_end == 0) return false;
    const auto authority = text.substr(scheme_end + 3);
    return !authority.empty() && authority.find_first_of("/?#@ \t\r\n") == std::string_view::npos;
}

void check_lists(const ServerOptions& options, Problems& problems) {
    for (const auto& origin : options.allowed_origins) {
        problems.require(is_origin(origin), "allowed_origins: '{}' is not scheme://host[:port]", origin);
    }
    for (const auto& proxy : options.trusted_proxies) {
        problems.require(http::TrustedProxies::parse({proxy}).ok(),
                         "trusted_proxies: '{}' is neither an address nor a CIDR block", proxy);
    }
}

void check_counts(const ServerOptions& options, Problems& problems) {
    problems.in_range("threads", options.threads, 0u, kMaxThreads);
    problems.in_range("max_message_bytes", options.max_message_bytes, std::size_t{1}, kMaxMessageBytes);
    problems.at_least_one("max_sessions", options.max_sessions);
    problems.require(options.max_connections >= options.max_sessions,
                     "max_connections ({}) must not be below max_sessions ({})", options.max_connections,
                     options.max_sessions);
}

}  // namespace

Result<> ServerOptions::validate() const {
    Problems problems;
    problems.require(!host.empty(), "host is empty");
    check_counts(*this, problems);
    check_durations(*this, problems);
    if (tls) check_tls(*tls, problems);
    check_backpressure(backpressure, problems);
    problems.in_range("deflate.level", deflate.level, 1, 9);
    problems.in_range("deflate.max_window_bits", deflate.max_window_bits, 9, 15);
    check_http(http, problems);
    check_lists(*this, problems);
    return std::move(problems).result();
}

}  // namespace cryo
