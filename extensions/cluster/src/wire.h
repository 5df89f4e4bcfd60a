#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>

namespace cryo::cluster {

/// Reads from the front, little-endian; who asks for more than there is gets zeros and nothing, and `failed` says so.
class Reader {
public:
    explicit Reader(Bytes bytes) noexcept : rest_(bytes) {}

    template <std::unsigned_integral T>
    T integer() noexcept {
        const auto bytes = take(sizeof(T));
        T value = 0;
        for (std::size_t i = bytes.size(); i > 0; --i) {
            value = static_cast<T>(value << (sizeof(T) > 1 ? 8 : 0) | std::to_integer<T>(bytes[i - 1]));
        }
        return value;
    }
    std::string_view text(std::size_t length) noexcept { return as_text(take(length)); }
    /// Its length first, in two bytes.
    std::string_view text() noexcept { return text(integer<std::uint16_t>()); }
    Bytes rest() noexcept { return take(rest_.size()); }

    void fail() noexcept { failed_ = true; }
    bool failed() const noexcept { return failed_; }
    bool at_end() const noexcept { return rest_.empty(); }

private:
    Bytes take(std::size_t count) noexcept {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const auto bytes = rest_.first(count);
        rest_ = rest_.subspan(count);
        return bytes;
    }

    Bytes rest_;
    bool failed_ = false;
};

template <std::unsigned_integral T>
void append(std::vector<std::byte>& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

inline void append(std::vector<std::byte>& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

/// What a text has at most.
inline constexpr std::size_t kMaxTextBytes = 0xffff;

/// Longer than that: cut.
inline void append_text(std::vector<std::byte>& out, std::string_view text) {
    text = text.substr(0, kMaxTextBytes);
    append(out, static_cast<std::uint16_t>(text.size()));
    append(out, as_bytes(text));
}

}  // namespace cryo::cluster
