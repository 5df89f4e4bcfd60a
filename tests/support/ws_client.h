#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <zlib.h>

#include "support/http_client.h"
#include "support/ws_frames.h"

namespace cryo::test {

/// One frame of the server, decompressed.
struct WsFrame {
    std::uint8_t opcode = 0;
    std::string payload{};
    bool compressed = false;

    /// Of a Close frame; 1005 when it has none.
    int close_code() const {
        if (payload.size() < 2) return 1005;
        return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    }
    std::string close_reason() const { return payload.size() < 2 ? std::string() : payload.substr(2); }

    friend std::ostream& operator<<(std::ostream& out, const WsFrame& frame) {
        return out << "opcode " << int{frame.opcode} << ", " << frame.payload.size()
                   << " bytes: " << frame.payload.substr(0, 40);
    }
};

/// A blocking WebSocket client. It answers nothing by itself and holds the server to RFC 6455: a frame that no server
/// may send ends the reading with an `error`.
class WsClient {
public:
    /// The example of RFC 6455 1.3.
    static constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
    static constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    static std::string request(std::string_view target, std::string_view lines = {}) {
        return "GET " + std::string(target) +
               " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: " +
               std::string(kKey) + "\r\n" + std::string(lines) + "\r\n";
    }

    /// `lines` are further header lines, each with its end.
    WsClient(std::uint16_t port, std::string_view target, std::string_view lines = {},
             ClientSocket::Options options = {.timeout = kPatience})
        : http_(port, options) {
        http_.send(request(target, lines));
        answer_ = http_.next().value_or(HttpAnswer{});
        const auto extensions = answer_.header("Sec-WebSocket-Extensions");
        if (!extensions.empty()) inflater_ = std::make_unique<Inflater>(extensions);
    }

    /// The upgrade succeeded.
    bool connected() const { return answer_.status == 101 && answer_.header("Sec-WebSocket-Accept") == kAccept; }
    const HttpAnswer& answer() const noexcept { return answer_; }
    const std::string& error() const noexcept { return error_; }
    ClientSocket& socket() noexcept { return http_.socket(); }

    bool send(std::string_view bytes) { return http_.send(bytes); }
    bool send_text(std::string_view text) { return send(frame(kText, text)); }
    bool send_binary(std::string_view data) { return send(frame(kBinary, data)); }
    bool send_ping(std::string_view payload = {}) { return send(frame(kPing, payload)); }
    bool send_pong(std::string_view payload = {}) { return send(frame(kPong, payload)); }
    bool send_close(std::uint16_t code = 1000, std::string_view reason = {}) { return send(close_frame(code, reason)); }

    /// The next frame; nothing at the end of the stream, or when none comes in time.
    std::optional<WsFrame> next() {
        const auto head = http_.take(2);
        if (head.size() < 2) return std::nullopt;
        const auto first = static_cast<unsigned char>(head[0]);
        const auto second = static_cast<unsigned char>(head[1]);
        WsFrame result{.opcode = static_cast<std::uint8_t>(first & 15), .compressed = (first & 0x40) != 0};
        if ((first & 0x80) == 0) return fail("fragmented");
        if ((first & 0x30) != 0 || (result.compressed && (!inflater_ || result.opcode > kBinary)))
            return fail("RSV bits");
        if ((second & 0x80) != 0) return fail("masked");
        const auto length = read_length(second & 127U);
        if (!length) return std::nullopt;
        if (result.opcode >= kClose && *length > 125) return fail("long control frame");
        result.payload = http_.take(*length);
        if (result.payload.size() < *length) return std::nullopt;
        if (result.compressed && !inflater_->inflate(result.payload)) return fail("corrupt compression");
        return result;
    }

    /// The next frame's payload when it has this opcode.
    std::optional<std::string> next(std::uint8_t opcode) {
        auto got = next();
        if (!got || got->opcode != opcode) return std::nullopt;
        return std::move(got->payload);
    }

    /// The code of the next Close frame, skipping what comes before; 0 when none comes.
    int next_close() {
        for (;;) {
            const auto got = next();
            if (!got) return 0;
            if (got->opcode == kClose) return got->close_code();
        }
    }

    /// Whether the server ends the stream in order, without another byte.
    bool at_end() { return http_.at_end(); }

private:
    /// RFC 7692 7.2.2, with the parameters the server announced.
    class Inflater {
    public:
        explicit Inflater(const std::string& extensions)
            : takeover_(extensions.find("server_no_context_takeover") == std::string::npos) {
            constexpr std::string_view kBits = "server_max_window_bits=";
            const auto at = extensions.find(kBits);
            const int bits = at == std::string::npos ? 15 : std::atoi(extensions.c_str() + at + kBits.size());
            inflateInit2(&stream_, -bits);
        }
        ~Inflater() { inflateEnd(&stream_); }
        Inflater(const Inflater&) = delete;
        Inflater& operator=(const Inflater&) = delete;

        bool inflate(std::string& message) {
            const std::string input = message + std::string("\x00\x00\xff\xff", 4);
            message.clear();
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
            stream_.avail_in = static_cast<uInt>(input.size());
            char part[65536];
            do {
                stream_.next_out = reinterpret_cast<Bytef*>(part);
                stream_.avail_out = sizeof part;
                const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
                if (result != Z_OK && result != Z_BUF_ERROR) return false;
                message.append(part, sizeof part - stream_.avail_out);
            } while (stream_.avail_out == 0);
            if (!takeover_) inflateReset(&stream_);
            return stream_.avail_in == 0;
        }

    private:
        z_stream stream_{};
        bool takeover_;
    };

    std::optional<std::size_t> read_length(std::size_t short_form) {
        if (short_form < 126) return short_form;
        const auto bytes = http_.take(short_form == 126 ? 2 : 8);
        std::size_t length = 0;
        for (const char byte : bytes) length = length << 8 | static_cast<unsigned char>(byte);
        if (bytes.empty()) return std::nullopt;
        if (length <= (short_form == 126 ? 125U : 0xffffU))
            return fail("length not in its shortest form"), std::nullopt;
        return length;
    }

    std::nullopt_t fail(std::string what) {
        error_ = std::move(what);
        return std::nullopt;
    }

    HttpClient http_;
    HttpAnswer answer_;
    std::unique_ptr<Inflater> inflater_;
    std::string error_;
};

}  // namespace cryo::test
