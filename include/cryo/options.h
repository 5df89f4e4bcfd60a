#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cryo/export.h>
#include <cryo/logging.h>
#include <cryo/result.h>

namespace cryo {

/// Certificate and key for TLS. Files are PEM.
struct TlsOptions {
    std::string certificate_file{};  ///< The server's certificate, followed by its intermediates.
    std::string key_file{};
    std::string client_ca_file{};  ///< Not empty: clients must present a certificate signed by one of these.

    enum class Version { tls_1_2, tls_1_3 };
    Version minimum_version = Version::tls_1_2;
};

/// What happens to a message when a throttled connection's queue is full.
enum class DropPolicy {
    drop_oldest,    ///< The oldest queued messages make room.
    drop_newest,    ///< The message itself is dropped.
    dedupe_latest,  ///< It replaces a queued one with the same `SendOptions::dedupe_key`; without a key, one with the
                    ///< same bytes already queued makes it superfluous. If nothing matches and it does not fit: as
                    ///< drop_oldest.
};

/// How much a peer that reads slowly, or not at all, may cost.
///
/// Messages go to the write buffer until `high_water_mark` unsent bytes (kernel, TLS and own buffers) are reached; the
/// connection is then throttled and further messages wait in the queue, where `drop_policy` and the caps rule, until
/// the unsent bytes fall to `low_water_mark`. The most one peer that reads nothing can cost is high_water_mark + one
/// message + max_queued_bytes + max_control_bytes. Sends from other threads on their way to the loop may add as much
/// again before they are refused.
struct Backpressure {
    std::size_t high_water_mark = 16u << 20;
    std::size_t low_water_mark = 1u << 20;
    std::size_t max_queued_bytes = 8u << 20;
    std::size_t max_queue_count = 1024;
    DropPolicy drop_policy = DropPolicy::drop_oldest;

    /// Acks, pongs and the like are never dropped. When this many bytes of them wait for a peer that does not read, the
    /// peer is no longer read either, until it has.
    std::size_t max_control_bytes = 64u << 10;

    /// Received messages that may wait behind a hook that defers; then the peer is not read until it decides.
    std::size_t max_deferred_count = 256;
    std::size_t max_deferred_bytes = 1u << 20;
};

/// permessage-deflate (RFC 7692). Costs about 40 kB a connection that compresses towards the server.
struct DeflateOptions {
    bool enabled = false;
    int level = 6;                           ///< zlib, 1 (fast) to 9 (small).
    int max_window_bits = 15;                ///< 9 to 15, both directions.
    std::size_t min_bytes_to_compress = 64;  ///< Smaller messages are sent as they are.
    /// A message is compressed on its own, so that one compressed frame serves many receivers. True: with the context
    /// of the ones before; smaller messages, and an own compressor (about 256 kB) a connection.
    bool server_context_takeover = false;
};

/// Bounds on HTTP requests, upgrades included.
struct HttpLimits {
    std::size_t max_request_line_bytes = 8u << 10;  ///< Longer: 414.
    std::size_t max_header_bytes = 16u << 10;       ///< All header lines together; longer: 431.
    std::size_t max_headers = 100;                  ///< More: 431.
    std::size_t max_body_bytes = 1u << 20;          ///< Longer: 413.
};

/// Everything a server can be told before it starts. An aggregate: name what differs from the defaults.
/// @code
///   cryo::ServerOptions options{.port = 9000, .threads = 2};
/// @endcode
struct ServerOptions {
    std::string host = "0.0.0.0";  ///< Address or name to listen on; `::` for IPv6 and IPv4.
    std::uint16_t port = 8080;     ///< 0: a free one, to be read with `Server::port()`.
    unsigned threads = 1;          ///< Event loops, a thread each; 0: one a core.
    /// For how long a loop with nothing to do looks for work before it sleeps; 0: it sleeps at once. Saves the time it
    /// takes to wake up, while there is traffic, for a full core a loop. At most 10 ms.
    std::chrono::microseconds spin{0};

    std::chrono::milliseconds keepalive_interval{15'000};  ///< Between pings; an unanswered one closes the session.
    std::chrono::milliseconds ack_timeout{2'500};  ///< A message unacknowledged for so long counts as timed out.
    /// From accept to a complete request; with TLS first for the TLS handshake. Then between two requests, and for
    /// each.
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds auth_timeout{5'000};  ///< A validator or `admit` that has not answered by then: refused.
    std::chrono::milliseconds reply_timeout{30'000};  ///< An HTTP handler that has not answered by then: 504.
    std::chrono::milliseconds close_timeout{2'000};   ///< For the peer's part of the closing handshake.
    std::chrono::milliseconds drain_timeout{10'000};  ///< From `stop` until what is still open is cut.

    bool use_cale = false;  ///< Application-layer encryption of the Cryo protocol. Prefer `tls` where it is possible.
    std::chrono::milliseconds cale_handshake_timeout{5'000};
    std::optional<TlsOptions> tls{};

    Backpressure backpressure{};
    DeflateOptions deflate{};
    HttpLimits http{};

    std::size_t max_message_bytes = 16u << 20;  ///< Inclusive, after inflating; longer: close 1009.
    std::size_t max_sessions = 100'000;         ///< WebSocket connections of all protocols; more: 503.
    std::size_t max_sessions_per_ip = 0;        ///< Of one client address; more: 429. 0 = no limit.
    std::size_t max_connections = 120'000;      ///< Sockets, those without a complete request included; more: closed.

    /// `scheme://host[:port]` of pages that may connect. Empty: any. Requests without an Origin are not browsers' and
    /// pass.
    std::vector<std::string> allowed_origins{};

    /// Addresses or CIDR blocks whose X-Forwarded-For is believed. Empty: nobody's.
    std::vector<std::string> trusted_proxies{};

    std::shared_ptr<ILogger> logger{};  ///< Null: silent.

    /// Every problem of these options at once, one a line, or success.
    CRYO_API Result<> validate() const;
};

}  // namespace cryo
