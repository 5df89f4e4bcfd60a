#include "envelope.h"

#include <cassert>

#include "channel.h"
#include "wire.h"

namespace cryo::cluster {
namespace {

constexpr std::byte kMagic{0xC2};

std::string_view read_port(Reader& reader) noexcept {
    const auto port = reader.text(reader.integer<std::uint8_t>());
    if (!is_name(port, kMaxPortBytes)) reader.fail();
    return port;
}

bool is_kind(std::uint8_t kind) noexcept {
    return kind >= static_cast<std::uint8_t>(EnvelopeKind::hello) &&
           kind <= static_cast<std::uint8_t>(EnvelopeKind::decline);
}

}  // namespace

bool has_port(EnvelopeKind kind) noexcept { return kind == EnvelopeKind::message || kind == EnvelopeKind::question; }

bool has_number(EnvelopeKind kind) noexcept {
    return kind == EnvelopeKind::question || kind == EnvelopeKind::answer || kind == EnvelopeKind::decline ||
           kind == EnvelopeKind::obituary;
}

bool has_payload(EnvelopeKind kind) noexcept {
    return kind == EnvelopeKind::publication || kind == EnvelopeKind::message || kind == EnvelopeKind::question ||
           kind == EnvelopeKind::answer;
}

std::optional<Envelope> decode_envelope(Bytes bytes) noexcept {
    Reader reader(bytes);
    if (std::byte{reader.integer<std::uint8_t>()} != kMagic) return std::nullopt;
    if (reader.integer<std::uint8_t>() != kEnvelopeVersion) return std::nullopt;
    const auto kind = reader.integer<std::uint8_t>();
    if (!is_kind(kind)) return std::nullopt;

    Envelope envelope;
    envelope.kind = static_cast<EnvelopeKind>(kind);
    const std::size_t sender_bytes = reader.integer<std::uint8_t>();
    envelope.epoch = reader.integer<std::uint64_t>();
    envelope.sequence = reader.integer<std::uint64_t>();
    envelope.back = reader.integer<std::uint32_t>();
    envelope.sender = reader.text(sender_bytes);
    if (!is_name(envelope.sender, kMaxNodeBytes)) reader.fail();
    if (has_port(envelope.kind)) envelope.port = read_port(reader);
    if (has_number(envelope.kind)) envelope.number = reader.integer<std::uint64_t>();
    if (has_payload(envelope.kind)) envelope.payload = reader.rest();

    if (reader.failed() || !reader.at_end()) return std::nullopt;
    if (envelope.epoch == 0 || envelope.back >= envelope.sequence) return std::nullopt;
    return envelope;
}

void encode_envelope(const Envelope& envelope, std::vector<std::byte>& out) {
    assert(is_name(envelope.sender, kMaxNodeBytes));
    assert(!has_port(envelope.kind) || is_name(envelope.port, kMaxPortBytes));
    out.clear();
    out.reserve(kMaxEnvelopeOverhead + envelope.payload.size());
    out.push_back(kMagic);
    append(out, kEnvelopeVersion);
    append(out, static_cast<std::uint8_t>(envelope.kind));
    append(out, static_cast<std::uint8_t>(envelope.sender.size()));
    append(out, envelope.epoch);
    append(out, envelope.sequence);
    append(out, envelope.back);
    append(out, as_bytes(envelope.sender));
    if (has_port(envelope.kind)) {
        append(out, static_cast<std::uint8_t>(envelope.port.size()));
        append(out, as_bytes(envelope.port));
    }
    if (has_number(envelope.kind)) append(out, envelope.number);
    if (has_payload(envelope.kind)) append(out, envelope.payload);
}

}  // namespace cryo::cluster
