#include "session/session_core.h"

#include <array>
#include <cstring>
#include <utility>
#include <variant>

#include "cale/cipher.h"
#include "cale/key_pair.h"
#include "websocket/utf8.h"

namespace cryo::session {

using protocol::FrameHeader;
using protocol::FrameType;
using protocol::kFrameHeaderBytes;

namespace {

/// The longest is server_hello.
constexpr std::size_t kMaxControlBytes = kFrameHeaderBytes + cale::kPublicKeyBytes + cale::kOverheadBytes;

FrameType data_type(MessageKind kind) noexcept {
    return kind == MessageKind::text ? FrameType::utf8data : FrameType::binarydata;
}

}  // namespace

/// The key pair lives until the client's hello, the ciphers from then on.
struct SessionCore::Cale {
    struct Ciphers {
        cale::Sealer sealer;
        cale::Opener opener;
    };
    std::optional<cale::KeyPair> key_pair{};
    std::optional<Ciphers> ciphers{};
    std::uint32_t client_hello_id = 0;
};

SessionCore::SessionCore(Link& link, const SessionId& id, const CoreOptions& options)
    : link_(link), id_(id), cale_(options.use_cale ? std::make_unique<Cale>() : nullptr), acks_(options.ack_timeout) {}

SessionCore::~SessionCore() = default;

void SessionCore::open() {
    // The Node client attaches its listener a few ticks after the upgrade and loses what comes in the same read as the
    // 101. Its WebSocket layer answers this ping once it is past that.
    phase_ = Phase::websocket_pong;
    link_.send_websocket_ping();
}

void SessionCore::announce() {
    phase_ = Phase::open;
    link_.opened();
}

void SessionCore::on_websocket_pong() {
    if (closed_ || phase_ != Phase::websocket_pong) return;
    if (!cale_) return announce();
    cale_->key_pair = cale::KeyPair::generate();
    if (!cale_->key_pair) return close(CloseCode::server_error, "no key");
    phase_ = Phase::client_hello;
    send_control(FrameType::server_hello, next_ack_id_++, cale_->key_pair->public_key());
}

void SessionCore::on_text() {
    if (!closed_) violation(0, CloseCode::client_error, "text message");
}

void SessionCore::on_binary(std::span<std::byte> message, TimePoint now) {
    if (closed_) return;
    if (secure()) {
        const auto frame = cale_->ciphers->opener.open(message);
        if (!frame) return violation(0, CloseCode::client_error, "not authentic");
        message = *frame;
    }
    const auto parsed = protocol::parse_frame(message);
    if (const auto* error = std::get_if<protocol::FrameError>(&parsed)) {
        return violation(error->ack_id, CloseCode::client_error, "malformed frame");
    }
    const FrameHeader& header = std::get_if<protocol::FrameView>(&parsed)->header;
    if (header.session_id != id_) return violation(header.ack_id, CloseCode::client_error, "foreign session id");
    if (!cale_ && phase_ == Phase::websocket_pong) announce();  // who sends frames is past the upgrade
    if (closed_) return;
    handle(header, message.subspan(kFrameHeaderBytes), now);
}

void SessionCore::handle(const FrameHeader& header, std::span<std::byte> payload, TimePoint now) {
    switch (header.type) {
        case FrameType::ack:
            return acks_.confirm(header.ack_id, now);
        case FrameType::error:
            return;  // whoever sends one closes by itself
        case FrameType::ping_pong:
            return handle_ping_pong(header.ack_id, payload);
        case FrameType::utf8data:
        case FrameType::binarydata:
            return handle_data(header, payload);
        case FrameType::server_hello:
        case FrameType::client_hello:
        case FrameType::handshake_done:
            return handle_handshake(header, payload);
    }
}

void SessionCore::handle_data(const FrameHeader& header, std::span<std::byte> payload) {
    if (phase_ != Phase::open) return violation(header.ack_id, CloseCode::client_error, "data before the handshake");
    const bool text = header.type == FrameType::utf8data;
    if (text && !websocket::is_valid_utf8(payload)) {
        return violation(header.ack_id, CloseCode::client_error, "invalid UTF-8");
    }
    send_control(FrameType::ack, header.ack_id, {});
    if (closed_) return;
    bytes_rx_ += payload.size();
    link_.received(text ? MessageKind::text : MessageKind::binary, payload);
}

void SessionCore::handle_ping_pong(std::uint32_t ack_id, Bytes payload) {
    if (phase_ != Phase::open) return;
    if (as_text(payload) == protocol::kPong) {
        awaiting_pong_ = false;
    } else if (as_text(payload) == protocol::kPing && answered_pings_.should_answer(ack_id)) {
        send_control(FrameType::ping_pong, ack_id, as_bytes(protocol::kPong));
    }
}

void SessionCore::handle_handshake(const FrameHeader& header, Bytes payload) {
    if (!cale_) return close(CloseCode::cale_mismatch, "no CALE here");
    if (phase_ == Phase::client_hello && header.type == FrameType::client_hello) {
        return accept_client_hello(header.ack_id, payload);
    }
    if (phase_ == Phase::handshake_done && header.type == FrameType::handshake_done &&
        header.ack_id == cale_->client_hello_id) {
        return announce();
    }
    violation(header.ack_id, CloseCode::cale_handshake, "unexpected handshake frame");
}

void SessionCore::accept_client_hello(std::uint32_t ack_id, Bytes public_key) {
    const auto keys = cale_->key_pair->derive(public_key);
    if (!keys) return violation(ack_id, CloseCode::cale_handshake, "invalid public key");
    cale_->ciphers.emplace(Cale::Ciphers{cale::Sealer(keys->server_to_client), cale::Opener(keys->client_to_server)});
    cale_->key_pair.reset();
    cale_->client_hello_id = ack_id;
    phase_ = Phase::handshake_done;
    send_control(FrameType::handshake_done, ack_id, as_bytes(protocol::kAbsentPayload));
}

void SessionCore::on_cale_timeout() {
    if (!closed_ && phase_ != Phase::open) close(CloseCode::cale_handshake, "handshake timeout");
}

void SessionCore::on_heartbeat(TimePoint now, bool excused) {
    // A peer that answers no WebSocket pings: it has had time enough.
    if (!closed_ && !cale_ && phase_ == Phase::websocket_pong) announce();
    if (!is_open()) return;
    if (awaiting_pong_ && !excused) return close(CloseCode::client_error, "ping unanswered");
    if (!std::exchange(awaiting_pong_, true)) ping();
    if (closed_) return;

    acks_.expire(now);
    acks_.release_idle_memory();
    const std::uint64_t timeouts = acks_.timeouts();
    HeartbeatStats stats{.rtt = acks_.rtt()};
    stats.bytes_rx = std::exchange(bytes_rx_, 0);
    stats.bytes_tx = std::exchange(bytes_tx_, 0);
    stats.ack_timeouts = timeouts - std::exchange(reported_timeouts_, timeouts);
    link_.heartbeat(stats);
}

void SessionCore::ping() {
    if (is_open()) send_control(FrameType::ping_pong, next_ack_id_++, as_bytes(protocol::kPing));
}

std::size_t SessionCore::encoded_size(std::size_t payload_bytes) const noexcept {
    return kFrameHeaderBytes + payload_bytes + (secure() ? cale::kOverheadBytes : 0);
}

bool SessionCore::encode_data(MessageKind kind, Bytes payload, std::span<std::byte> out, TimePoint now) {
    if (phase_ != Phase::open) return false;
    const std::uint32_t ack_id = next_ack_id_;
    if (!encode({id_, ack_id, data_type(kind)}, payload, out)) {
        close(CloseCode::server_error, "encryption counter used up");
        return false;
    }
    ++next_ack_id_;
    bytes_tx_ += payload.size();
    acks_.track(ack_id, now);
    return true;
}

bool SessionCore::encode(const FrameHeader& header, Bytes payload, std::span<std::byte> out) {
    if (secure()) {
        std::array<std::byte, kFrameHeaderBytes> plain;
        protocol::write_header(plain.data(), header);
        return cale_->ciphers->sealer.seal(plain, payload, out);
    }
    protocol::write_header(out.data(), header);
    if (!payload.empty()) std::memcpy(out.data() + kFrameHeaderBytes, payload.data(), payload.size());
    return true;
}

void SessionCore::send_control(FrameType type, std::uint32_t ack_id, Bytes payload) {
    std::array<std::byte, kMaxControlBytes> buffer;
    const auto message = std::span(buffer).first(encoded_size(payload.size()));
    if (!encode({id_, ack_id, type}, payload, message)) {
        return close(CloseCode::server_error, "encryption counter used up");
    }
    link_.send_control(message);
}

void SessionCore::violation(std::uint32_t ack_id, CloseCode code, std::string_view reason) {
    violated_ = true;
    send_control(FrameType::error, ack_id, as_bytes(protocol::kInvalidOperation));
    close(code, reason);
}

void SessionCore::close(CloseCode code, std::string_view reason) {
    if (std::exchange(closed_, true)) return;
    link_.close(code, reason);
}

}  // namespace cryo::session
