#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/ws_cases.h"
#include "websocket/message_reader.h"

namespace cryo::test {

inline std::string to_string(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<std::byte> writable_bytes(std::string& bytes) {
    return {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()};
}

/// Feeds bytes to a MessageReader and keeps what it reports.
class WsRecorder final : public websocket::MessageReader::Sink {
public:
    explicit WsRecorder(std::size_t max_message_bytes = kCaseMaxMessageBytes) : reader_(max_message_bytes) {}

    void enable_inflation(const websocket::DeflateParameters& parameters = {}) { reader_.enable_inflation(parameters); }

    /// The piece alone in its own memory, so that a sanitizer sees every access outside. Passes again what a stop left.
    void feed(std::string_view piece) {
        std::vector<std::byte> data(piece.size());
        std::transform(piece.begin(), piece.end(), data.begin(), [](char c) { return static_cast<std::byte>(c); });
        std::span<std::byte> rest(data);
        while (!rest.empty()) {
            const std::size_t before = events_.size();
            const auto result = reader_.consume(rest, *this);
            rest = rest.subspan(result.consumed);
            if (result.failure) {
                events_.push_back(failure(result.failure->code));
                reason_ = result.failure->reason;
            }
            if (result.failure || events_.size() == before) break;
        }
    }

    /// Stops the reader behind about every other event from now on.
    void stop_at_random(std::uint32_t seed) {
        random_.seed(seed);
        stops_ = true;
    }

    const std::vector<WsEvent>& events() const { return events_; }
    std::string_view failure_reason() const { return reason_; }

private:
    bool on_message(websocket::Opcode type, std::span<std::byte> payload) override {
        auto event = type == websocket::Opcode::text ? text(to_string(payload)) : binary(to_string(payload));
        std::fill(payload.begin(), payload.end(), std::byte{0xee});
        return record(std::move(event));
    }
    bool on_ping(std::span<const std::byte> payload) override { return record(ping(to_string(payload))); }
    bool on_pong(std::span<const std::byte> payload) override { return record(pong(to_string(payload))); }
    bool on_close(const websocket::CloseFrame& frame) override {
        return record(closed(frame.code, std::string(frame.reason)));
    }

    bool record(WsEvent event) {
        events_.push_back(std::move(event));
        return !stops_ || random_() % 2 == 0;
    }

    websocket::MessageReader reader_;
    std::vector<WsEvent> events_;
    std::string_view reason_;
    std::minstd_rand random_;
    bool stops_ = false;
};

/// Feeds `bytes` in pieces of random length, mostly short ones.
inline void feed_in_pieces(WsRecorder& recorder, std::string_view bytes, std::uint32_t seed) {
    std::minstd_rand random(seed);
    while (!bytes.empty()) {
        const std::size_t longest = std::size_t{1} << random() % 18;
        const auto piece = bytes.substr(0, 1 + random() % longest);
        recorder.feed(piece);
        bytes.remove_prefix(piece.size());
    }
}

}  // namespace cryo::test
