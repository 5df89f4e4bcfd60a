#include "websocket/message_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "websocket/byte_buffer.h"
#include "websocket/close_code.h"
#include "websocket/mask.h"
#include "websocket/utf8.h"

namespace cryo::websocket {
namespace {

constexpr std::uint8_t kFinalBit = 0x80;
constexpr std::uint8_t kCompressedBit = 0x40;  // RSV1, RFC 7692 6
constexpr std::uint8_t kReservedBits = 0x30;
constexpr std::uint8_t kOpcodeBits = 0x0f;
constexpr std::uint8_t kMaskedBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7f;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;

constexpr ProtocolFailure kReservedBit{close_code::kProtocolError, "reserved bit set"};
constexpr ProtocolFailure kReservedOpcode{close_code::kProtocolError, "reserved opcode"};
constexpr ProtocolFailure kUnmasked{close_code::kProtocolError, "frame not masked"};
constexpr ProtocolFailure kFragmentedControl{close_code::kProtocolError, "fragmented control frame"};
constexpr ProtocolFailure kLongControl{close_code::kProtocolError, "control frame too long"};
constexpr ProtocolFailure kNothingToContinue{close_code::kProtocolError, "continuation without a message"};
constexpr ProtocolFailure kUnfinishedMessage{close_code::kProtocolError, "new message inside a fragmented one"};
constexpr ProtocolFailure kBadLength{close_code::kProtocolError, "length not in its shortest form"};
constexpr ProtocolFailure kBadClosePayload{close_code::kProtocolError, "malformed close frame"};
constexpr ProtocolFailure kBadCloseCode{close_code::kProtocolError, "invalid close code"};
constexpr ProtocolFailure kBadUtf8{close_code::kInvalidPayload, "invalid UTF-8"};
constexpr ProtocolFailure kBadCompression{close_code::kInvalidPayload, "invalid compressed data"};
constexpr ProtocolFailure kTooBig{close_code::kMessageTooBig, "message too big"};

constexpr std::size_t header_bytes(std::uint8_t second) noexcept {
    const int length = second & kLengthBits;
    return 2 + (length == kLength64 ? 8 : length == kLength16 ? 2 : 0) + 4;
}

std::uint64_t read_big_endian(std::span<const std::byte> bytes) noexcept {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

}  // namespace

struct MessageReader::Input {
    std::span<std::byte> rest;
    Sink& sink;
    const ProtocolFailure* failure = nullptr;
    bool stopped = false;

    std::span<std::byte> take(std::uint64_t bytes) noexcept {
        const auto taken = rest.first(static_cast<std::size_t>(bytes));
        rest = rest.subspan(taken.size());
        return taken;
    }
};

struct MessageReader::Frame {
    std::uint64_t payload_bytes = 0;
    MaskKey key;
    Opcode opcode = Opcode::continuation;
    std::uint8_t length_code = 0;  // the second byte
    bool final = false;
    bool compressed = false;
};

struct MessageReader::Assembly {
    std::array<std::byte, kMaxClientHeaderBytes> header;  // of a frame whose header is incomplete
    std::uint8_t header_size = 0;

    bool in_frame = false;
    Frame frame;  // while in_frame; payload_bytes and key are those of the part to come
    std::uint8_t control_size = 0;
    std::array<std::byte, kMaxControlPayloadBytes> control;

    bool in_message = false;
    bool compressed = false;
    Opcode type = Opcode::text;
    Utf8Validator utf8;
    ByteBuffer message;
};

MessageReader::MessageReader(std::size_t max_message_bytes) noexcept
    : max_message_bytes_(std::min<std::size_t>(max_message_bytes, std::numeric_limits<std::ptrdiff_t>::max())) {}
MessageReader::~MessageReader() = default;
MessageReader::MessageReader(MessageReader&&) noexcept = default;
MessageReader& MessageReader::operator=(MessageReader&&) noexcept = default;

void MessageReader::enable_inflation(const DeflateParameters& negotiated) {
    inflater_ = std::make_unique<Inflater>(negotiated.client_max_window_bits, negotiated.client_context_takeover);
}

MessageReader::Result MessageReader::consume(std::span<std::byte> data, Sink& sink) {
    Input input{data, sink};
    while (!finished_ && !input.stopped && !input.rest.empty()) {
        if (assembly_ && assembly_->in_frame) {
            continue_frame(input);
        } else if (Frame frame; read_header(input, frame)) {
            begin_frame(input, frame);
        }
    }
    Result result{data.size() - input.rest.size(), std::nullopt};
    if (input.failure != nullptr) result.failure = *input.failure;
    return result;
}

MessageReader::Assembly& MessageReader::assembly() {
    if (!assembly_) assembly_ = std::make_unique<Assembly>();
    return *assembly_;
}

void MessageReader::release_if_idle() noexcept {
    if (assembly_ && !assembly_->in_message && !assembly_->in_frame && assembly_->header_size == 0) assembly_.reset();
}

void MessageReader::fail(Input& input, const ProtocolFailure& failure) noexcept {
    input.failure = &failure;
    finished_ = true;
    assembly_.reset();
    inflater_.reset();
}

/// Whether the next header is complete; it is in `frame` then. What is wrong with its first two bytes is found before
/// the others come.
bool MessageReader::read_header(Input& input, Frame& frame) {
    std::span<const std::byte> bytes = input.rest;
    std::size_t held = 0;
    if (assembly_ && assembly_->header_size > 0) {
        held = assembly_->header_size;
        const std::size_t more = std::min(assembly_->header.size() - held, input.rest.size());
        std::copy_n(input.rest.begin(), more, assembly_->header.begin() + static_cast<std::ptrdiff_t>(held));
        bytes = std::span(assembly_->header).first(held + more);
    }
    std::size_t needed = 2;
    if (bytes.size() >= 2) {
        const auto first = std::to_integer<std::uint8_t>(bytes[0]);
        frame.length_code = std::to_integer<std::uint8_t>(bytes[1]);
        frame.opcode = static_cast<Opcode>(first & kOpcodeBits);
        frame.final = (first & kFinalBit) != 0;
        frame.compressed = (first & kCompressedBit) != 0;
        if (const ProtocolFailure* failure = check_start(frame, first)) {
            fail(input, *failure);
            return false;
        }
        needed = header_bytes(frame.length_code);
    }
    if (bytes.size() < needed) {
        const auto rest = input.take(input.rest.size());
        if (held == 0) std::copy(rest.begin(), rest.end(), assembly().header.begin());
        assembly_->header_size = static_cast<std::uint8_t>(bytes.size());
        return false;
    }
    const auto length = bytes.subspan(2, needed - 6);
    frame.payload_bytes = length.empty() ? frame.length_code & kLengthBits : read_big_endian(length);
    frame.key = MaskKey(bytes.subspan(needed - 4).first<4>());
    input.take(needed - held);
    if (assembly_) assembly_->header_size = 0;
    if (const ProtocolFailure* failure = check_length(frame)) {
        fail(input, *failure);
        return false;
    }
    return true;
}

const ProtocolFailure* MessageReader::check_start(const Frame& frame, std::uint8_t first) const noexcept {
    if ((first & kReservedBits) != 0) return &kReservedBit;
    const bool in_message = assembly_ && assembly_->in_message;
    switch (frame.opcode) {
        case Opcode::text:
        case Opcode::binary:
            if (frame.compressed && !inflater_) return &kReservedBit;
            if (in_message) return &kUnfinishedMessage;
            break;
        case Opcode::continuation:
            if (frame.compressed) return &kReservedBit;
            if (!in_message) return &kNothingToContinue;
            break;
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            if (frame.compressed) return &kReservedBit;
            if (!frame.final) return &kFragmentedControl;
            if ((frame.length_code & kLengthBits) > kMaxControlPayloadBytes) return &kLongControl;
            break;
        default:
            return &kReservedOpcode;
    }
    return (frame.length_code & kMaskedBit) != 0 ? nullptr : &kUnmasked;
}

const ProtocolFailure* MessageReader::check_length(const Frame& frame) const noexcept {
    const int code = frame.length_code & kLengthBits;
    if (code == kLength16 && frame.payload_bytes < kLength16) return &kBadLength;
    if (code == kLength64 && (frame.payload_bytes <= 0xffff || frame.payload_bytes >> 63 != 0)) return &kBadLength;
    if (is_control(frame.opcode)) return nullptr;
    // The size of a compressed message is known only while it is inflated.
    const bool continued = frame.opcode == Opcode::continuation;
    if (continued ? assembly_->compressed : frame.compressed) return nullptr;
    const std::size_t before = continued ? assembly_->message.size() : 0;
    return frame.payload_bytes > max_message_bytes_ - before ? &kTooBig : nullptr;
}

void MessageReader::begin_frame(Input& input, const Frame& frame) {
    const bool whole = frame.payload_bytes <= input.rest.size();
    const bool control = is_control(frame.opcode);
    const bool single = frame.final && !frame.compressed && frame.opcode != Opcode::continuation;
    if (whole && (control || single)) {
        release_if_idle();
        const auto payload = input.take(frame.payload_bytes);
        apply_mask(payload.data(), payload.data(), payload.size(), frame.key);
        if (control) return dispatch_control(input, frame.opcode, payload);
        if (frame.opcode == Opcode::text && !is_valid_utf8(payload)) return fail(input, kBadUtf8);
        return dispatch_message(input, frame.opcode, payload);
    }
    Assembly& a = assembly();
    a.in_frame = true;
    a.frame = frame;
    a.control_size = 0;
    if (!control && frame.opcode != Opcode::continuation) {
        a.in_message = true;
        a.type = frame.opcode;
        a.compressed = frame.compressed;
    }
    continue_frame(input);
}

void MessageReader::continue_frame(Input& input) {
    Assembly& a = *assembly_;
    const auto chunk = input.take(std::min<std::uint64_t>(a.frame.payload_bytes, input.rest.size()));
    if (is_control(a.frame.opcode)) {
        apply_mask(a.control.data() + a.control_size, chunk.data(), chunk.size(), a.frame.key);
        a.control_size = static_cast<std::uint8_t>(a.control_size + chunk.size());
    } else if (const ProtocolFailure* failure = a.compressed ? append_inflated(chunk) : append(chunk)) {
        return fail(input, *failure);
    }
    a.frame.key = a.frame.key.advanced(chunk.size());
    a.frame.payload_bytes -= chunk.size();
    if (a.frame.payload_bytes > 0) return;

    a.in_frame = false;
    if (is_control(a.frame.opcode)) {
        const auto opcode = a.frame.opcode;
        const auto payload = a.control;
        const std::size_t size = a.control_size;
        release_if_idle();
        dispatch_control(input, opcode, std::span(payload).first(size));
    } else if (a.frame.final) {
        finish_message(input);
    }
}

const ProtocolFailure* MessageReader::append(std::span<std::byte> masked_chunk) {
    Assembly& a = *assembly_;
    if (a.message.room().size() < masked_chunk.size()) {
        // Twice what has arrived, but no more than can still come.
        const std::uint64_t most = a.frame.final ? a.message.size() + a.frame.payload_bytes : max_message_bytes_;
        const std::uint64_t twice = 2 * std::uint64_t{a.message.size() + masked_chunk.size()};
        a.message.reallocate(static_cast<std::size_t>(std::min(twice, most)));
    }
    const auto payload = a.message.room().first(masked_chunk.size());
    apply_mask(payload.data(), masked_chunk.data(), payload.size(), a.frame.key);
    a.message.commit(payload.size());
    return a.type == Opcode::text && !a.utf8.feed(payload) ? &kBadUtf8 : nullptr;
}

const ProtocolFailure* MessageReader::append_inflated(std::span<std::byte> masked_chunk) {
    apply_mask(masked_chunk.data(), masked_chunk.data(), masked_chunk.size(), assembly_->frame.key);
    const std::size_t before = assembly_->message.size();
    return check_inflated(before, inflater_->append(masked_chunk, assembly_->message, max_message_bytes_));
}

/// Judges text before size and size before data errors, so that the outcome does not depend on how the bytes were cut.
const ProtocolFailure* MessageReader::check_inflated(std::size_t from, Inflater::Status status) {
    Assembly& a = *assembly_;
    const auto allowed = a.message.contents().first(std::min(a.message.size(), max_message_bytes_));
    if (a.type == Opcode::text && !a.utf8.feed(allowed.subspan(from))) return &kBadUtf8;
    if (status == Inflater::Status::too_big) return &kTooBig;
    return status == Inflater::Status::corrupt ? &kBadCompression : nullptr;
}

void MessageReader::finish_message(Input& input) {
    Assembly& a = *assembly_;
    if (a.compressed) {
        const std::size_t before = a.message.size();
        if (const auto* failure = check_inflated(before, inflater_->finish(a.message, max_message_bytes_))) {
            return fail(input, *failure);
        }
    }
    if (!a.utf8.complete()) return fail(input, kBadUtf8);
    const Opcode type = a.type;
    const ByteBuffer message = std::move(a.message);
    assembly_.reset();
    dispatch_message(input, type, message.contents());
}

void MessageReader::dispatch_message(Input& input, Opcode type, std::span<std::byte> payload) {
    input.stopped = !input.sink.on_message(type, payload);
}

void MessageReader::dispatch_control(Input& input, Opcode opcode, std::span<const std::byte> payload) {
    if (opcode == Opcode::close) return dispatch_close(input, payload);
    input.stopped = !(opcode == Opcode::ping ? input.sink.on_ping(payload) : input.sink.on_pong(payload));
}

void MessageReader::dispatch_close(Input& input, std::span<const std::byte> payload) {
    CloseFrame close{close_code::kNoStatus, {}};
    if (payload.size() == 1) return fail(input, kBadClosePayload);
    if (payload.size() >= 2) {
        close.code = static_cast<std::uint16_t>(read_big_endian(payload.first(2)));
        if (!close_code::is_valid_on_wire(close.code)) return fail(input, kBadCloseCode);
        const auto reason = payload.subspan(2);
        if (!is_valid_utf8(reason)) return fail(input, kBadUtf8);
        close.reason = {reinterpret_cast<const char*>(reason.data()), reason.size()};
    }
    finished_ = true;
    assembly_.reset();
    inflater_.reset();
    input.stopped = !input.sink.on_close(close);
}

}  // namespace cryo::websocket
