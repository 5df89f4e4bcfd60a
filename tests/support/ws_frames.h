#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <zlib.h>

/// The client's side of WebSocket, for tests only: frames with whatever header a test wants. Byte strings are
/// std::string.
namespace cryo::test {

inline constexpr std::uint8_t kContinuation = 0;
inline constexpr std::uint8_t kText = 1;
inline constexpr std::uint8_t kBinary = 2;
inline constexpr std::uint8_t kClose = 8;
inline constexpr std::uint8_t kPing = 9;
inline constexpr std::uint8_t kPong = 10;

inline constexpr std::uint8_t kRsv1 = 4;

struct FrameOptions {
    bool final = true;
    std::uint8_t rsv = 0;  // three bits, RSV1 the highest
    bool masked = true;
    std::array<std::uint8_t, 4> key = {0x37, 0xfa, 0x21, 0x3d};
    int length_bytes = -1;                                  // 0, 2 or 8 behind the second byte; -1: the shortest form
    std::optional<std::uint64_t> announced = std::nullopt;  // a length other than that of the payload
};

inline std::string frame(std::uint8_t opcode, std::string_view payload, const FrameOptions& options = {}) {
    const std::uint64_t length = options.announced.value_or(payload.size());
    int length_bytes = options.length_bytes;
    if (length_bytes < 0) length_bytes = length < 126 ? 0 : length <= 0xffff ? 2 : 8;

    std::string out;
    const auto put = [&out](std::uint64_t byte) { out.push_back(static_cast<char>(byte & 0xff)); };
    put((options.final ? 0x80U : 0U) | static_cast<unsigned>(options.rsv) << 4 | opcode);
    put((options.masked ? 0x80U : 0U) | (length_bytes == 0 ? length : length_bytes == 2 ? 126U : 127U));
    for (int i = length_bytes - 1; i >= 0; --i) put(length >> (8 * i));
    if (options.masked) {
        for (const auto byte : options.key) put(byte);
    }
    for (std::size_t i = 0; i < payload.size(); ++i) {
        put(static_cast<unsigned char>(payload[i]) ^ (options.masked ? options.key[i % 4] : 0U));
    }
    return out;
}

inline std::string fragment(std::uint8_t opcode, std::string_view payload) {
    return frame(opcode, payload, {.final = false});
}

/// `payload` in fragments of `size` bytes.
inline std::string fragments(std::uint8_t opcode, std::string_view payload, std::size_t size, std::uint8_t rsv = 0) {
    std::string out;
    for (std::size_t at = 0; at < payload.size(); at += size) {
        const bool first = at == 0;
        out += frame(first ? opcode : kContinuation, payload.substr(at, size),
                     {.final = at + size >= payload.size(), .rsv = first ? rsv : std::uint8_t{0}});
    }
    return out;
}

inline std::string close_payload(std::uint16_t code, std::string_view reason = {}) {
    std::string out{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    return out.append(reason);
}

inline std::string close_frame(std::uint16_t code, std::string_view reason = {}) {
    return frame(kClose, close_payload(code, reason));
}

/// Compresses messages as a client of permessage-deflate does (RFC 7692 7.2.1), one after the other.
class ClientDeflater {
public:
    explicit ClientDeflater(int window_bits = 15, int level = Z_DEFAULT_COMPRESSION) {
        if (deflateInit2(&stream_, level, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::runtime_error("deflateInit2");
        }
    }
    ~ClientDeflater() { deflateEnd(&stream_); }
    ClientDeflater(const ClientDeflater&) = delete;
    ClientDeflater& operator=(const ClientDeflater&) = delete;

    std::string operator()(std::string_view message) {
        if (message.empty()) return std::string(1, '\0');
        std::string out = run(message, Z_SYNC_FLUSH);
        out.resize(out.size() - 4);
        return out;
    }

    /// The message as blocks of which the last has BFINAL set, RFC 7692 7.2.3.4.
    std::string final_block(std::string_view message) {
        std::string out = run(message, Z_FINISH);
        deflateReset(&stream_);
        return out + '\0';
    }

    void forget_context() { deflateReset(&stream_); }

private:
    std::string run(std::string_view message, int flush) {
        std::string out(deflateBound(&stream_, static_cast<uLong>(message.size())) + 64, '\0');
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(message.data()));
        stream_.avail_in = static_cast<uInt>(message.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        deflate(&stream_, flush);
        out.resize(out.size() - stream_.avail_out);
        return out;
    }

    z_stream stream_{};
};

inline std::string compressed_frame(std::uint8_t opcode, std::string_view deflated) {
    return frame(opcode, deflated, {.rsv = kRsv1});
}

}  // namespace cryo::test
