#include "generator/cryo_session.h"

#include <array>
#include <stdexcept>
#include <string>
#include <variant>

#include "generator/frames.h"

namespace load {

namespace cale = cryo::cale;
namespace protocol = cryo::protocol;
using protocol::FrameType;
using protocol::kFrameHeaderBytes;

CryoSession::Received CryoSession::receive(std::span<std::byte> message, Output& out) {
    if (ciphers_) {
        const auto frame = ciphers_->opener.open(message);
        if (!frame) throw std::runtime_error("a message from the server is not authentic");
        message = *frame;
    }
    const auto parsed = protocol::parse_frame(message);
    const auto* const frame = std::get_if<protocol::FrameView>(&parsed);
    if (!frame) throw std::runtime_error("a message from the server is no frame");
    if (frame->header.session_id != id_) throw std::runtime_error("a frame from the server is another session's");
    return {handle(*frame, out), frame->payload};
}

CryoSession::Event CryoSession::handle(const protocol::FrameView& frame, Output& out) {
    const std::uint32_t ack_id = frame.header.ack_id;
    switch (frame.header.type) {
        case FrameType::ack:
            return Event::none;
        case FrameType::utf8data:
        case FrameType::binarydata:
            append(out, FrameType::ack, ack_id, {});
            return Event::data;
        case FrameType::ping_pong:
            if (cryo::as_text(frame.payload) == protocol::kPing) {
                append(out, FrameType::ping_pong, ack_id, cryo::as_bytes(protocol::kPong));
            }
            return Event::none;
        case FrameType::server_hello:
            accept_server_hello(frame.payload, out);
            return Event::none;
        case FrameType::handshake_done:
            return finish_handshake(ack_id, out);
        case FrameType::client_hello:
            throw std::runtime_error("the server sent a client's hello");
        case FrameType::error:
            break;
    }
    throw std::runtime_error("the server sent the error " + std::string(cryo::as_text(frame.payload)));
}

void CryoSession::accept_server_hello(Bytes public_key, Output& out) {
    if (!key_pair_) throw std::runtime_error("the server wants CALE");
    keys_ = key_pair_->derive(public_key);
    if (!keys_) throw std::runtime_error("the server's public key is none");
    hello_id_ = next_ack_id_++;
    append(out, FrameType::client_hello, hello_id_, key_pair_->public_key());
}

CryoSession::Event CryoSession::finish_handshake(std::uint32_t ack_id, Output& out) {
    if (!keys_ || ack_id != hello_id_) throw std::runtime_error("the server's handshake is out of order");
    append(out, FrameType::handshake_done, ack_id, cryo::as_bytes(protocol::kAbsentPayload));
    ciphers_.emplace(Ciphers{cale::Sealer(keys_->client_to_server), cale::Opener(keys_->server_to_client)});
    keys_.reset();
    return Event::secured;
}

void CryoSession::append_data(Output& out, Bytes payload) {
    append(out, FrameType::binarydata, next_ack_id_++, payload);
}

void CryoSession::append(Output& out, FrameType type, std::uint32_t ack_id, Bytes payload) {
    std::array<std::byte, kFrameHeaderBytes> header;
    protocol::write_header(header.data(), {id_, ack_id, type});
    const std::size_t bytes = header.size() + payload.size() + (ciphers_ ? cale::kOverheadBytes : 0);
    std::byte* const room = append_header(out, Opcode::binary, bytes);
    if (!ciphers_) {
        apply_mask(room, header);
        apply_mask(room + header.size(), payload, header.size());
        return;
    }
    if (!ciphers_->sealer.seal(header, payload, {room, bytes})) throw std::runtime_error("cannot encrypt");
    apply_mask(room, {room, bytes});
}

}  // namespace load
