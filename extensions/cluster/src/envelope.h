#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>

namespace cryo::cluster {

/// What nodes say to each other. On the wire: never renumber.
enum class EnvelopeKind : std::uint8_t {
    hello = 1,        ///< To all: a new life; the others' heartbeats come soon after.
    heartbeat = 2,    ///< To all.
    goodbye = 3,      ///< To all: this life ends.
    obituary = 4,     ///< To one: the life `number` of yours is dead here.
    publication = 5,  ///< On a topic's channel.
    message = 6,      ///< To one.
    question = 7,     ///< To one or all.
    answer = 8,       ///< To the asker.
    decline = 9,      ///< To the asker: no answer will come.
};

/// One message on the bus. Views into what it was decoded from.
///
/// Wire form, version 1, integers little-endian:
///   byte 0xC2, byte version, byte kind, byte length of sender, u64 epoch, u64 sequence, u32 back, sender,
///   message and question: byte length of port, port;
///   question, answer, decline, obituary: u64 number;
///   publication, message, question, answer: the rest is payload; others end here.
struct Envelope {
    EnvelopeKind kind{};
    std::uint64_t epoch = 0;     ///< The sender's life; not 0.
    std::uint64_t sequence = 0;  ///< Rises with everything the sender sends in one life; from 1.
    /// How far back in `sequence` the one before on the same channel is; 0: there was none, or it is not remembered.
    std::uint32_t back = 0;
    std::string_view sender{};
    std::string_view port{};
    std::uint64_t number = 0;  ///< Of the ask; or the epoch that died.
    Bytes payload{};
};

inline constexpr std::uint8_t kEnvelopeVersion = 1;
/// What an envelope has beside its payload, at most.
inline constexpr std::size_t kMaxEnvelopeOverhead = 24 + 64 + 1 + 32 + 8;

bool has_port(EnvelopeKind kind) noexcept;
bool has_number(EnvelopeKind kind) noexcept;
bool has_payload(EnvelopeKind kind) noexcept;

/// Nothing when these bytes are no envelope of this version.
std::optional<Envelope> decode_envelope(Bytes bytes) noexcept;

/// Replaces what is in `out`. Names must be valid.
void encode_envelope(const Envelope& envelope, std::vector<std::byte>& out);

}  // namespace cryo::cluster
