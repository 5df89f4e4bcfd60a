#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "generator/output.h"
#include "websocket/frame.h"

/// The client's side of RFC 6455, without extensions.
namespace load {

using cryo::websocket::Opcode;

/// Masks `in` as the part of a payload that begins `offset` bytes into it; `out` may be the same. One key does for all
/// frames: it is there against proxies, and costs the server the same.
void apply_mask(std::byte* out, Bytes in, std::size_t offset = 0) noexcept;

/// Appends a header and room for its payload, which is to be filled in masked.
std::byte* append_header(Output& out, Opcode opcode, std::size_t payload_bytes);
void append_frame(Output& out, Opcode opcode, Bytes payload);

struct ServerFrame {
    Opcode opcode{};
    std::span<std::byte> payload{};
    std::size_t total_bytes = 0;
};

/// The frame at the front of `input`; null: not all of it is there. Throws if it is one that no server should send
/// here: masked, in fragments, compressed, or with more than `max_payload_bytes`.
std::optional<ServerFrame> front_frame(std::span<std::byte> input, std::size_t max_payload_bytes);

}  // namespace load
