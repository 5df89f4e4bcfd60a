#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include <cryo/bytes.h>

#include "cale/openssl_ptr.h"

namespace cryo::cale {

inline constexpr std::size_t kKeyBytes = 16;
inline constexpr std::size_t kPublicKeyBytes = 65;
inline constexpr std::size_t kPrivateKeyBytes = 32;

/// The keys of the two directions; wiped when they go.
struct SessionKeys {
    std::array<std::byte, kKeyBytes> server_to_client{};
    std::array<std::byte, kKeyBytes> client_to_server{};

    SessionKeys() = default;
    SessionKeys(const SessionKeys&) = default;
    SessionKeys& operator=(const SessionKeys&) = default;
    ~SessionKeys();
};

/// A P-256 key pair for one session.
class KeyPair {
public:
    using PublicKey = std::array<std::byte, kPublicKeyBytes>;

    /// Null when the system's random source or memory fails.
    static std::optional<KeyPair> generate();

    /// A known pair, for tests against recorded handshakes. Null when the two are no pair.
    static std::optional<KeyPair> from_private(std::span<const std::byte, kPrivateKeyBytes> private_key,
                                               std::span<const std::byte, kPublicKeyBytes> public_key);

    /// Uncompressed: 0x04, x, y.
    const PublicKey& public_key() const noexcept { return public_key_; }

    /// The session keys shared with the peer. Null when its key is not an uncompressed point of the curve.
    std::optional<SessionKeys> derive(Bytes peer_public_key) const;

private:
    KeyPair(PkeyPtr key, const PublicKey& public_key) noexcept : key_(std::move(key)), public_key_(public_key) {}

    PkeyPtr key_;
    PublicKey public_key_;
};

}  // namespace cryo::cale
