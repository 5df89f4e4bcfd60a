#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <cryo/protocol/frame.h>
#include <cryo/session_id.h>

#include "cale/cipher.h"
#include "cale/key_pair.h"
#include "generator/output.h"

namespace load {

/// The client's side of a Cryo session, in the clear or with CALE.
class CryoSession {
public:
    enum class Event {
        none,     ///< A control frame.
        secured,  ///< The CALE handshake is done.
        data,     ///< A message of the application; it was acknowledged.
    };
    struct Received {
        Event event{};
        Bytes payload{};
    };

    /// @param key_pair for CALE, borrowed; null: in the clear. One pair for all sessions halves what a handshake costs.
    CryoSession(const cryo::SessionId& id, const cryo::cale::KeyPair* key_pair) : id_(id), key_pair_(key_pair) {}

    const cryo::SessionId& id() const noexcept { return id_; }

    /// Takes one WebSocket message, which is overwritten; WebSocket frames to answer it go to `out`. Throws when the
    /// server breaks the protocol.
    Received receive(std::span<std::byte> message, Output& out);

    void append_data(Output& out, Bytes payload);

private:
    struct Ciphers {
        cryo::cale::Sealer sealer;
        cryo::cale::Opener opener;
    };

    Event handle(const cryo::protocol::FrameView& frame, Output& out);
    void accept_server_hello(Bytes public_key, Output& out);
    Event finish_handshake(std::uint32_t ack_id, Output& out);
    void append(Output& out, cryo::protocol::FrameType type, std::uint32_t ack_id, Bytes payload);

    cryo::SessionId id_;
    const cryo::cale::KeyPair* key_pair_;
    std::optional<cryo::cale::SessionKeys> keys_{};  // between the server's hello and the end of the handshake
    std::optional<Ciphers> ciphers_{};
    std::uint32_t next_ack_id_ = 0;
    std::uint32_t hello_id_ = 0;
};

}  // namespace load
