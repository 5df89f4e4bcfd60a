#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/ws_recorder.h"
#include "websocket/byte_buffer.h"
#include "websocket/handshake.h"

namespace {

using namespace cryo::test;

void require(bool holds) {
    if (!holds) std::abort();
}

/// The same bytes, whole and cut at random, with stops at random, must give the same events.
void fuzz_reader(std::string_view bytes, std::size_t max_message_bytes, bool deflate, bool client_takeover) {
    const auto make = [&] {
        WsRecorder recorder(max_message_bytes);
        // A window of 15 bits: with a smaller one zlib still follows longer references within one call's output.
        if (deflate) recorder.enable_inflation({.client_context_takeover = client_takeover});
        return recorder;
    };
    auto whole = make();
    whole.feed(bytes);
    for (const std::uint32_t seed : {1U, static_cast<std::uint32_t>(bytes.size())}) {
        auto pieces = make();
        pieces.stop_at_random(seed);
        feed_in_pieces(pieces, bytes, seed);
        require(pieces.events() == whole.events());
        require(pieces.failure_reason() == whole.failure_reason());
    }
    auto single = make();
    for (const char& byte : bytes) single.feed({&byte, 1});
    require(single.events() == whole.events());
    for (const auto& event : whole.events()) {
        const bool message = event.kind == WsEvent::Kind::text || event.kind == WsEvent::Kind::binary;
        require(!message || event.payload.size() <= max_message_bytes);
    }
}

void fuzz_headers(std::string_view value) {
    const std::string_view lines[] = {value.substr(0, value.size() / 2), value.substr(value.size() / 2), value};
    cryo::websocket::negotiate_deflate(lines, {.enabled = true, .max_window_bits = 12});
    cryo::websocket::UpgradeRequest request;
    for (const auto name :
         {"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"}) {
        request.add_header(name, value);
    }
    const std::string supported[] = {"a", "chat"};
    request.choose_subprotocol(supported);
    request.verdict();
}

/// What is compressed comes back, twice.
void fuzz_round_trip(std::string_view message, bool takeover) {
    cryo::websocket::Deflater deflater({.level = 1}, 9, takeover);
    cryo::websocket::Inflater inflater(9, takeover);
    for (int i = 0; i < 2; ++i) {
        std::vector<std::byte> out(cryo::websocket::Deflater::max_compressed_bytes(message.size()));
        const std::size_t size = deflater.compress(std::as_bytes(std::span(message)), out);
        require(size > 0);
        cryo::websocket::ByteBuffer back;
        using Status = cryo::websocket::Inflater::Status;
        require(inflater.append(std::span(out).first(size), back, message.size()) == Status::ok);
        require(inflater.finish(back, message.size()) == Status::ok);
        require(to_string(back.contents()) == message);
    }
}

}  // namespace

/// The first byte chooses what is done with the others.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const unsigned choice = data[0];
    const std::size_t max_message_bytes = choice & 0x10 ? 200 : 5000;
    switch (choice & 0x03) {
        case 0:
            fuzz_reader(bytes, max_message_bytes, false, false);
            break;
        case 1:
            fuzz_reader(bytes, max_message_bytes, true, (choice & 0x08) != 0);
            break;
        case 2:
            fuzz_headers(bytes);
            break;
        case 3:
            fuzz_round_trip(bytes, (choice & 0x08) != 0);
            break;
    }
    return 0;
}
