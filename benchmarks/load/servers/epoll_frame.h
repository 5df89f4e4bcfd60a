// As little of RFC 6455 as a server needs that sends back frames. Everything is done in the buffer it was received in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace frames {

constexpr std::uint64_t kMaxPayload = 16 << 20;
constexpr std::size_t kMaskBytes = 4;
constexpr std::uint8_t kFin = 0x80, kOpcode = 0x0f, kClose = 0x8, kPing = 0x9, kPong = 0xa;

inline std::uint64_t big_endian(const char* bytes, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
    return value;
}

struct Header {
    std::uint8_t first_byte = 0;  // FIN and opcode
    std::size_t size = 0;
    std::uint64_t payload = 0;
    std::uint32_t mask = 0;  // as it is in memory

    bool is_control() const { return (first_byte & 0x8) != 0; }
};

enum class Parsed { whole, incomplete, refused };

/// `whole`: the payload is there as well.
inline Parsed parse(const char* data, std::size_t size, Header& header) {
    if (size < 2) return Parsed::incomplete;
    header.first_byte = static_cast<std::uint8_t>(data[0]);
    const auto second_byte = static_cast<std::uint8_t>(data[1]);
    if ((second_byte & 0x80) == 0) return Parsed::refused;  // not masked
    header.payload = second_byte & 0x7f;
    const std::size_t length_bytes = header.payload == 127 ? 8 : header.payload == 126 ? 2 : 0;
    header.size = 2 + length_bytes + kMaskBytes;
    if (size < header.size) return Parsed::incomplete;
    if (length_bytes != 0) header.payload = big_endian(data + 2, length_bytes);
    if (header.payload > kMaxPayload) return Parsed::refused;
    std::memcpy(&header.mask, data + header.size - kMaskBytes, kMaskBytes);
    return size - header.size < header.payload ? Parsed::incomplete : Parsed::whole;
}

/// @returns where the payload goes
inline char* write_header(char* to, std::uint8_t first_byte, std::uint64_t payload) {
    *to++ = static_cast<char>(first_byte);
    const int length_bytes = payload > 0xffff ? 8 : payload > 125 ? 2 : 0;
    *to++ = static_cast<char>(length_bytes == 8 ? 127 : length_bytes == 2 ? 126 : payload);
    for (int i = length_bytes - 1; i >= 0; --i) *to++ = static_cast<char>(payload >> (8 * i));
    return to;
}

/// Moves and unmasks; `to` is `from` or before it in the same buffer.
template <class Block>
std::size_t unmask_blocks(char* to, const char* from, std::size_t at, std::size_t size, Block mask) {
    for (; at + sizeof(Block) <= size; at += sizeof(Block)) {
        Block block;
        std::memcpy(&block, from + at, sizeof block);
        block ^= mask;
        std::memcpy(to + at, &block, sizeof block);
    }
    return at;
}

inline void unmask(char* to, const char* from, std::size_t size, std::uint32_t mask) {
    using Wide = std::uint32_t __attribute__((vector_size(16)));
    std::size_t at = unmask_blocks(to, from, 0, size, Wide{mask, mask, mask, mask});
    at = unmask_blocks(to, from, at, size, mask);
    for (; at < size; ++at, mask >>= 8) to[at] = static_cast<char>(static_cast<std::uint32_t>(from[at]) ^ mask);
}

/// @returns the response to an upgrade request, empty without a key
inline std::string accept_upgrade(std::string_view request) {
    // Header names are found in the spellings that clients use.
    auto found = request.find("Sec-WebSocket-Key: ");
    if (found == request.npos) found = request.find("sec-websocket-key: ");
    if (found == request.npos) return {};
    constexpr std::size_t kNameBytes = 19, kKeyBytes = 24;
    auto text = std::string(request.substr(found + kNameBytes, kKeyBytes)) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    static EVP_MD_CTX* const context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_bytes = 0;
    EVP_DigestInit_ex2(context, sha1, nullptr);
    EVP_DigestUpdate(context, text.data(), text.size());
    EVP_DigestFinal_ex(context, digest, &digest_bytes);
    unsigned char accept[2 * EVP_MAX_MD_SIZE];
    EVP_EncodeBlock(accept, digest, static_cast<int>(digest_bytes));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
           std::string(reinterpret_cast<const char*>(accept)) + "\r\n\r\n";
}

}  // namespace frames
