#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cryo::websocket {

/// Checks UTF-8 (RFC 3629) that arrives in pieces cut anywhere, and says so with the first byte that cannot be right.
class Utf8Validator {
public:
    /// False once the bytes so far cannot begin valid text; feed nothing more then.
    bool feed(std::span<const std::byte> bytes) noexcept;

    /// Whether the text could end here: no character is open.
    bool complete() const noexcept { return missing_ == 0; }

private:
    bool step(std::uint8_t byte) noexcept;
    bool feed_scalar(std::span<const std::byte> bytes) noexcept;

    std::uint8_t missing_ = 0;  // continuation bytes the open character still needs
    std::uint8_t low_ = 0x80;   // bounds of the next one
    std::uint8_t high_ = 0xbf;
};

/// Whether `bytes` are valid UTF-8 from beginning to end.
inline bool is_valid_utf8(std::span<const std::byte> bytes) noexcept {
    Utf8Validator validator;
    return validator.feed(bytes) && validator.complete();
}

}  // namespace cryo::websocket
