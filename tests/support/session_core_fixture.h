#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "session/session_core.h"
#include "support/cryo_client_model.h"

namespace cryo::test {

/// A Link that keeps what the core asks for.
class FakeLink final : public session::Link {
public:
    struct Closed {
        CloseCode code{};
        std::string reason{};
    };

    std::vector<std::vector<std::byte>> sent{};  ///< Messages to the client.
    std::vector<std::pair<MessageKind, std::string>> delivered{};
    std::vector<session::HeartbeatStats> heartbeats{};
    std::vector<Closed> closes{};
    int websocket_pings = 0;
    int opens = 0;

    void send_websocket_ping() override { ++websocket_pings; }
    void send_control(Bytes message) override { sent.emplace_back(message.begin(), message.end()); }
    void close(CloseCode code, std::string_view reason) override { closes.push_back({code, std::string(reason)}); }
    void opened() override { ++opens; }
    void received(MessageKind kind, std::span<std::byte> payload) override {
        delivered.emplace_back(kind, std::string(as_text(payload)));
    }
    void heartbeat(const session::HeartbeatStats& stats) override { heartbeats.push_back(stats); }
};

/// A core with its link, its time, and a client model whose messages meet the core at `exchange`.
struct CoreUnderTest {
    explicit CoreUnderTest(bool use_cale = false) : core(link, id, {std::chrono::milliseconds(2500), use_cale}) {}

    static constexpr SessionId kId{{std::byte{0xc4}, std::byte{0xb3}, std::byte{0x73}, std::byte{0x58}}};

    const SessionId id = kId;
    FakeLink link{};
    session::SessionCore core;
    session::TimePoint now{std::chrono::hours(1)};
    std::deque<std::vector<std::byte>> to_server{};
    CryoClientModel client{id.bytes,
                           [this](std::vector<std::byte> message) { to_server.push_back(std::move(message)); }};

    /// Opens the session, with CALE up to the end of the handshake.
    CoreUnderTest& established() {
        core.open();
        if (link.websocket_pings > 0) core.on_websocket_pong();
        exchange();
        forget_sent();
        client.received.clear();
        return *this;
    }

    /// Carries messages to and fro until nobody has anything to say, or too much was said.
    void exchange(int limit = 100) {
        while (limit-- > 0 && (next_to_client_ < link.sent.size() || !to_server.empty())) {
            if (next_to_client_ < link.sent.size()) {
                const auto message = link.sent[next_to_client_++];
                client.on_message(message);
            } else {
                deliver_to_server();
            }
        }
    }

    void deliver_to_server() {
        auto message = std::move(to_server.front());
        to_server.pop_front();
        core.on_binary(message, now);
    }

    void give(std::vector<std::byte> message) { core.on_binary(message, now); }
    void give(CryoClientModel::Type type, std::uint32_t ack_id, std::string_view payload = {}) {
        const Bytes bytes = as_bytes(payload);
        give(client.prepare({id.bytes, ack_id, type, {bytes.begin(), bytes.end()}}));
    }

    /// Sends data to the client, as the session handle does.
    bool send(MessageKind kind, std::string_view payload) {
        std::vector<std::byte> message(core.encoded_size(payload.size()));
        if (!core.encode_data(kind, as_bytes(payload), message, now)) return false;
        link.sent.push_back(std::move(message));
        return true;
    }

    /// The frames sent since `established`, for sessions without CALE.
    CryoClientModel::Frame sent_frame(std::size_t index) const { return CryoClientModel::decode(link.sent.at(index)); }

    void forget_sent() {
        link.sent.clear();
        next_to_client_ = 0;
    }

private:
    std::size_t next_to_client_ = 0;
};

}  // namespace cryo::test
