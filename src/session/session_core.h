#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <cryo/bytes.h>
#include <cryo/connection.h>
#include <cryo/protocol/frame.h>
#include <cryo/session.h>
#include <cryo/session_id.h>

#include "session/ack_tracker.h"
#include "session/ping_memory.h"

namespace cryo::session {

/// What a heartbeat reports: payload bytes of data frames and missing acks since the heartbeat before.
struct HeartbeatStats {
    std::optional<std::chrono::microseconds> rtt{};  ///< None before the first ack.
    std::uint64_t bytes_rx = 0, bytes_tx = 0;
    std::uint64_t ack_timeouts = 0;
};

/// What a session needs of the WebSocket connection below it and of the session handle above. Called inline; the core
/// touches nothing of itself after `opened`, `received` and `heartbeat`, but it must not be destroyed during them.
class Link {
public:
    /// Its pong is to arrive at `SessionCore::on_websocket_pong`.
    virtual void send_websocket_ping() = 0;
    /// A complete binary message, to leave ahead of queued data.
    virtual void send_control(Bytes message) = 0;
    /// Flush what is queued, then close. At most once; the core ignores all input from then on.
    virtual void close(CloseCode code, std::string_view reason) = 0;
    /// The session may talk: announce it. Once.
    virtual void opened() = 0;
    /// A data frame, already acknowledged; text is valid UTF-8. The payload lies in the message given to `on_binary`.
    virtual void received(MessageKind kind, std::span<std::byte> payload) = 0;
    virtual void heartbeat(const HeartbeatStats& stats) = 0;

protected:
    ~Link() = default;
};

struct CoreOptions {
    std::chrono::milliseconds ack_timeout{2'500};
    bool use_cale = false;
};

/// The Cryo protocol of one session, from the upgrade to the close, as a state machine: no I/O, no clock.
///
/// Own frames take their ack ids from one counter: data, pings and the server_hello. Replies (ack, pong, error,
/// handshake_done) carry the id of the frame they answer.
///
/// Violations get an error frame `invalid_operation` (under the offending frame's ack id where it is known, else 0),
/// then a close with 4001, or 4011 for a handshake frame that does not fit. In a secure session the error frame is
/// encrypted like any other.
class SessionCore {
public:
    SessionCore(Link& link, const SessionId& id, const CoreOptions& options);
    ~SessionCore();
    SessionCore(const SessionCore&) = delete;
    SessionCore& operator=(const SessionCore&) = delete;

    /// The upgrade is done. `opened` comes when the peer is known to listen: with its answer to a WebSocket ping, its
    /// first frame, or at the first heartbeat; with CALE after the handshake, which waits for that pong.
    void open();

    void on_websocket_pong();
    /// One binary message; decrypted in place.
    void on_binary(std::span<std::byte> message, TimePoint now);
    void on_text();
    /// Every `keepalive_interval`. `excused`: an unanswered ping is not held against the peer this time.
    void on_heartbeat(TimePoint now, bool excused = false);
    /// `cale_handshake_timeout` has passed since `open`. Nothing happens when the session is open by then.
    void on_cale_timeout();
    /// The link closes for a reason of its own: input is ignored from now on; queued data can still be encoded.
    void on_closing() noexcept { closed_ = true; }

    /// Sends a `ping`. Unlike the heartbeat's, an unanswered one has no consequences.
    void ping();

    /// Size of the message that carries a payload: its header, and 28 bytes more when secure.
    std::size_t encoded_size(std::size_t payload_bytes) const noexcept;

    /// Encodes a data frame into `out`, `encoded_size(payload.size())` bytes. Call it when the message really goes to
    /// the write buffer: it takes its ack id, starts its round-trip time, and is encrypted here. False: not open yet,
    /// or the encryption counter is used up, and the session was closed with 4002.
    bool encode_data(MessageKind kind, Bytes payload, std::span<std::byte> out, TimePoint now);

    /// May talk: announced, and not closed since.
    bool is_open() const noexcept { return phase_ == Phase::open && !closed_; }
    /// The client broke the protocol; true before `Link::close` is called for it.
    bool violated() const noexcept { return violated_; }
    bool secure() const noexcept { return phase_ == Phase::open && cale_ != nullptr; }

    std::optional<std::chrono::microseconds> rtt() const noexcept { return acks_.rtt(); }
    std::size_t pending_acks() const noexcept { return acks_.pending(); }
    std::uint64_t ack_timeouts() const noexcept { return acks_.timeouts(); }

private:
    /// The middle phases, the last two with CALE only, are named after what the session waits for.
    enum class Phase : std::uint8_t { created, websocket_pong, client_hello, handshake_done, open };
    struct Cale;

    void announce();
    void handle(const protocol::FrameHeader& header, std::span<std::byte> payload, TimePoint now);
    void handle_data(const protocol::FrameHeader& header, std::span<std::byte> payload);
    void handle_ping_pong(std::uint32_t ack_id, Bytes payload);
    void handle_handshake(const protocol::FrameHeader& header, Bytes payload);
    void accept_client_hello(std::uint32_t ack_id, Bytes public_key);

    /// False: the encryption counter is used up.
    bool encode(const protocol::FrameHeader& header, Bytes payload, std::span<std::byte> out);
    void send_control(protocol::FrameType type, std::uint32_t ack_id, Bytes payload);
    void violation(std::uint32_t ack_id, CloseCode code, std::string_view reason);
    void close(CloseCode code, std::string_view reason);

    Link& link_;
    const SessionId id_;
    std::unique_ptr<Cale> cale_;  // null without CALE
    AckTracker acks_;
    PingMemory answered_pings_;
    std::uint64_t bytes_rx_ = 0, bytes_tx_ = 0;
    std::uint64_t reported_timeouts_ = 0;
    std::uint32_t next_ack_id_ = 0;
    Phase phase_ = Phase::created;
    bool awaiting_pong_ = false;
    bool closed_ = false;
    bool violated_ = false;
};

}  // namespace cryo::session
