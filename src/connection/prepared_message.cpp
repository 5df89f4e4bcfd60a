#include "connection/prepared_message.h"

#include <array>
#include <cstring>
#include <utility>

#include "connection/connection_listener.h"
#include "connection/websocket_connection.h"
#include "websocket/byte_buffer.h"
#include "websocket/deflate.h"
#include "websocket/frame.h"
#include "websocket/utf8.h"

namespace cryo {

using websocket::Opcode;

namespace {

Opcode opcode_of(MessageKind kind) noexcept { return kind == MessageKind::text ? Opcode::text : Opcode::binary; }

}  // namespace

PreparedMessage::Encoded::Encoded(MessageKind message_kind, Bytes payload)
    : kind(message_kind), valid(kind == MessageKind::binary || websocket::is_valid_utf8(payload)) {
    std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
    header_bytes = websocket::write_frame_header(header.data(), opcode_of(kind), payload.size());
    frame.reserve(header_bytes + payload.size());
    frame.insert(frame.end(), header.begin(), header.begin() + static_cast<std::ptrdiff_t>(header_bytes));
    frame.insert(frame.end(), payload.begin(), payload.end());
}

const PreparedMessage::Encoded::Compressed& PreparedMessage::Encoded::compressed(const DeflateOptions& options) const {
    std::call_once(compress_once_, [&] {
        const Bytes plain = payload();
        std::vector<std::byte> packed(websocket::Deflater::max_compressed_bytes(plain.size()));
        websocket::Deflater deflater(options, options.max_window_bits, false);
        const std::size_t size = deflater.compress(plain, packed);
        if (size == 0 || size >= plain.size()) return;
        std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
        const std::size_t used = websocket::write_frame_header(header.data(), opcode_of(kind), size, true);
        auto& frame_out = compressed_.frame;
        frame_out.reserve(used + size);
        frame_out.insert(frame_out.end(), header.begin(), header.begin() + static_cast<std::ptrdiff_t>(used));
        frame_out.insert(frame_out.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
        compressed_.window_bits = options.max_window_bits;
    });
    return compressed_;
}

PreparedMessage PreparedMessage::text(std::string_view utf8) {
    return PreparedMessage(std::make_shared<const Encoded>(MessageKind::text, as_bytes(utf8)));
}

PreparedMessage PreparedMessage::binary(Bytes data) {
    return PreparedMessage(std::make_shared<const Encoded>(MessageKind::binary, data));
}

MessageKind PreparedMessage::kind() const noexcept { return encoded_->kind; }
Bytes PreparedMessage::payload() const noexcept { return encoded_->payload(); }

namespace connection {

namespace {

constexpr std::size_t kMaxKeptScratchBytes = 256 * 1024;

void append_frame(OutputBuffer& out, MessageKind kind, Bytes payload, bool compressed) {
    std::array<std::byte, websocket::kMaxServerHeaderBytes> header;
    const std::size_t used = websocket::write_frame_header(header.data(), opcode_of(kind), payload.size(), compressed);
    const auto room = out.extend(used + payload.size());
    std::memcpy(room.data(), header.data(), used);
    if (!payload.empty()) std::memcpy(room.data() + used, payload.data(), payload.size());
}

}  // namespace

bool ConnectionListener::encode(WebSocketConnection& connection, const OutgoingMessage& message, OutputBuffer& out) {
    const auto& options = connection.context().options->deflate;
    const auto& agreed = connection.deflate();
    if (agreed && message.payload.size() >= options.min_bytes_to_compress) {
        if (message.prepared && !agreed->server_context_takeover) {
            const auto& shared = (*message.prepared)->compressed(options);
            if (!shared.frame.empty() && shared.window_bits <= agreed->server_max_window_bits) {
                out.append_shared(*message.prepared, shared.frame);
                return true;
            }
        }
        if (connection.append_compressed(out, message.kind, message.payload)) return true;
    }
    if (message.prepared) {
        out.append_shared(*message.prepared, (*message.prepared)->frame);
    } else {
        append_frame(out, message.kind, message.payload, false);
    }
    return true;
}

bool WebSocketConnection::append_compressed(OutputBuffer& out, MessageKind kind, Bytes payload) {
    const auto& agreed = *deflate_parameters_;
    if (!deflater_) {
        deflater_ = std::make_unique<websocket::Deflater>(context_->options->deflate, agreed.server_max_window_bits,
                                                          agreed.server_context_takeover);
    }
    const std::size_t needed = websocket::Deflater::max_compressed_bytes(payload.size());
    websocket::ByteBuffer large;
    websocket::ByteBuffer& scratch = needed > kMaxKeptScratchBytes ? large : context_->scratch;
    if (scratch.capacity() < needed) scratch.reallocate(needed);
    const std::size_t size = deflater_->compress(payload, scratch.room());
    if (!agreed.server_context_takeover) deflater_.reset();
    // With context takeover even a message that grew has to go out compressed: the peer's window must see it.
    if (size == 0 || (size >= payload.size() && !agreed.server_context_takeover)) return false;
    append_frame(out, kind, scratch.room().first(size), true);
    return true;
}

}  // namespace connection
}  // namespace cryo
