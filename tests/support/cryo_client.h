#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/client_socket.h"
#include "support/cryo_client_model.h"
#include "support/wait.h"
#include "support/ws_frames.h"

namespace cryo::test {

using Sid = CryoClientModel::Sid;

/// A session id that no other client of this process has.
inline Sid fresh_sid() {
    static std::atomic<std::uint32_t> last{0};
    const std::uint32_t number = ++last;
    Sid sid{};
    for (std::size_t i = 0; i < 4; ++i) sid[i] = static_cast<std::byte>(number >> (24 - 8 * i));
    sid[6] = std::byte{0x40};
    sid[8] = std::byte{0x80};
    return sid;
}

inline std::string to_text(const Sid& sid) {
    std::string text;
    for (std::size_t i = 0; i < sid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += "0123456789abcdef"[std::to_integer<unsigned>(sid[i]) >> 4];
        text += "0123456789abcdef"[std::to_integer<unsigned>(sid[i]) & 15];
    }
    return text;
}

inline std::string upgrade_request(std::string_view target, std::string_view header_lines = {}) {
    return "GET " + std::string(target) +
           " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           std::string(header_lines) + "\r\n";
}

/// A blocking Cryo client on a socket: `CryoClientModel` over WebSocket frames of the tests' own.
/// Everything received is worked on inside the waiting calls; none of them waits longer than the socket's timeout.
template <class Socket>
class BasicCryoClient {
public:
    struct Options {
        Sid sid = fresh_sid();
        std::string token = "secret";
        std::string path = "/";
        std::string query{};                  ///< Beside the protocol's, with a leading `&`.
        std::string headers{};                ///< Further header lines.
        std::optional<std::string> target{};  ///< Instead of all of the above.
        bool answers_websocket_pings = true;
        bool answers_close = true;
        typename Socket::Options socket{};
    };

    explicit BasicCryoClient(std::uint16_t port) : BasicCryoClient(port, Options{}) {}
    BasicCryoClient(std::uint16_t port, Options options)
        : options_(std::move(options)), socket_(port, patient(options_.socket)) {
        const std::string target =
            options_.target.value_or(options_.path + "?authorization=Bearer%20" + options_.token +
                                     "&x-cryo-sid=" + to_text(options_.sid) + options_.query);
        if (socket_.connected()) socket_.send(upgrade_request(target, options_.headers));
    }
    BasicCryoClient(const BasicCryoClient&) = delete;
    BasicCryoClient& operator=(const BasicCryoClient&) = delete;

    const Sid& sid() const noexcept { return options_.sid; }
    Socket& socket() noexcept { return socket_; }
    CryoClientModel& operator*() noexcept { return model_; }
    CryoClientModel* operator->() noexcept { return &model_; }

    /// Status of the answer to the upgrade, 0 when there is none; of an accepted one the first WebSocket ping is
    /// answered, too.
    int status() {
        if (status_) return *status_;
        std::string head;
        while (!head.ends_with("\r\n\r\n")) {
            const std::string byte = socket_.receive(1);
            if (byte.empty()) return status_.emplace(0);
            head += byte;
        }
        status_ = std::atoi(head.substr(9, 3).c_str());
        if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
            body_ = socket_.receive(static_cast<std::size_t>(std::atoi(head.c_str() + at + 16)));
        }
        head_ = std::move(head);
        // The server announces a session when it knows that its client listens.
        if (*status_ == 101) until([&] { return websocket_pings > 0; });
        return *status_;
    }
    bool open() { return status() == 101; }
    const std::string& head() const noexcept { return head_; }
    const std::string& body() const noexcept { return body_; }

    /// Works on one WebSocket frame; false at the end of the stream or after the timeout.
    bool pump() {
        if (!open()) return false;
        const std::string start = socket_.receive(2);
        if (start.size() < 2) return false;
        const auto opcode = static_cast<std::uint8_t>(start[0] & 15);
        std::size_t length = static_cast<unsigned char>(start[1]);
        if (length >= 126) {
            const std::string extended = socket_.receive(length == 126 ? 2 : 8);
            length = 0;
            for (const char c : extended) length = length << 8 | static_cast<unsigned char>(c);
        }
        const std::string payload = socket_.receive(length);
        if (payload.size() < length) return false;
        handle(opcode, payload);
        return true;
    }

    /// Works on what comes until `condition` holds; false when the stream ends, or nothing comes, before.
    bool until(const std::function<bool()>& condition) {
        if (!open()) return false;
        while (!condition()) {
            if (!pump()) return false;
        }
        return true;
    }

    std::optional<std::string> next_text() {
        if (!until([&] { return texts_taken_ < model_.texts.size(); })) return std::nullopt;
        return model_.texts[texts_taken_++];
    }
    std::optional<std::string> next_binary() {
        if (!until([&] { return binaries_taken_ < model_.binaries.size(); })) return std::nullopt;
        return std::string(as_text(model_.binaries[binaries_taken_++]));
    }
    /// The next frame of this type, skipping others.
    std::optional<CryoClientModel::Frame> next(CryoClientModel::Type type) {
        for (;; ++frames_taken_) {
            if (!until([&] { return frames_taken_ < model_.received.size(); })) return std::nullopt;
            if (model_.received[frames_taken_].type == type) return model_.received[frames_taken_++];
        }
    }
    /// The code of the server's Close frame; 0 when the stream ends without one.
    int close_code() {
        until([&] { return close_code_ != 0; });
        return close_code_;
    }
    const std::string& close_reason() const noexcept { return close_reason_; }
    bool secured() {
        return until([&] { return model_.secure(); });
    }

    std::optional<std::string> echo(std::string_view text) {
        model_.send_text(text);
        return next_text();
    }

    bool send_websocket(std::uint8_t opcode, std::string_view payload) { return socket_.send(frame(opcode, payload)); }
    bool send_message(const CryoClientModel::Buffer& message) { return send_websocket(kBinary, as_text(message)); }
    bool send_close(std::uint16_t code, std::string_view reason = {}) {
        return send_websocket(kClose, close_payload(code, reason));
    }
    /// Frames in the order of arrival, as WebSocket sees them.
    std::string opcodes{};
    int websocket_pings = 0;

private:
    static ClientSocket::Options patient(ClientSocket::Options options) {
        options.timeout = kPatience;
        return options;
    }
    static TlsClientSocket::Options patient(TlsClientSocket::Options options) {
        options.tcp.timeout = kPatience;
        return options;
    }

    void handle(std::uint8_t opcode, const std::string& payload) {
        opcodes += "?TB?????CPO"[opcode];
        if (opcode == kBinary) return model_.on_message(as_bytes(payload));
        if (opcode == kPing) {
            ++websocket_pings;
            if (options_.answers_websocket_pings) send_websocket(kPong, payload);
        } else if (opcode == kClose) {
            close_code_ = payload.size() < 2
                              ? 1005
                              : static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
            if (payload.size() > 2) close_reason_ = payload.substr(2);
            if (options_.answers_close) send_websocket(kClose, payload.substr(0, 2));
        }
    }

    Options options_;
    Socket socket_;
    CryoClientModel model_{options_.sid, [this](CryoClientModel::Buffer message) { send_message(message); }};
    std::optional<int> status_{};
    std::string head_{}, body_{};
    std::size_t texts_taken_ = 0, binaries_taken_ = 0, frames_taken_ = 0;
    int close_code_ = 0;
    std::string close_reason_{};
};

using CryoClient = BasicCryoClient<ClientSocket>;
using TlsCryoClient = BasicCryoClient<TlsClientSocket>;

}  // namespace cryo::test
