#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <cryo/bytes.h>

#include "cale/key_pair.h"
#include "cale/openssl_ptr.h"

/// The messages of a secure session: IV (eight zero bytes, 32-bit counter), AES-128-GCM of one frame, tag.
namespace cryo::cale {

inline constexpr std::size_t kIvBytes = 12;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kOverheadBytes = kIvBytes + kTagBytes;

using Key = std::span<const std::byte, kKeyBytes>;

/// Encrypts for a deployed client.
class Sealer {
public:
    /// Where the deployed clients look first: a message with `kHighestPlainType` or less here is taken for a plain
    /// frame. Counters with such a result are skipped.
    static constexpr std::size_t kTypeOffset = 20;
    static constexpr std::byte kHighestPlainType{7};

    /// @param first_counter other than 0 only in tests
    explicit Sealer(Key key, std::uint64_t first_counter = 0);

    /// Writes `header` and `payload` as one message to `out`, `kOverheadBytes` longer than both, overlapping neither.
    /// The header has at least 9 bytes. False: the counter is used up (or OpenSSL out of memory); never send again
    /// then.
    bool seal(Bytes header, Bytes payload, std::span<std::byte> out) noexcept;

private:
    bool start(std::byte* iv) noexcept;
    bool encrypt(Bytes in, std::byte* out) noexcept;

    CipherContextPtr context_;
    std::uint64_t next_counter_;
};

/// Which counters were seen: a window that slides behind the highest. The browser client's messages can overtake each
/// other.
class ReplayWindow {
public:
    static constexpr std::uint32_t kWidth = 1024;

    /// Neither seen nor too old to tell.
    bool fresh(std::uint32_t counter) const noexcept;
    /// Only for a fresh counter of an authentic message.
    void mark(std::uint32_t counter) noexcept;

private:
    std::bitset<kWidth> seen_;
    std::uint64_t end_ = 0;  // one above the highest
};

/// Decrypts what a client sent. Its byte 20 can be anything.
class Opener {
public:
    explicit Opener(Key key);

    /// Decrypts in place; the frame within `message`. Null: too short, tampered with, replayed or too old.
    std::optional<std::span<std::byte>> open(std::span<std::byte> message) noexcept;

private:
    bool decrypt(std::span<std::byte> message, std::span<std::byte> frame) noexcept;

    CipherContextPtr context_;
    ReplayWindow window_;
};

}  // namespace cryo::cale
