// The Cryo frame parser: whatever it accepts is encoded again to the same bytes.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <variant>

#include <cryo/protocol/frame.h>

using namespace cryo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes message(reinterpret_cast<const std::byte*>(data), size);
    const auto parsed = protocol::parse_frame(message);
    if (const auto* error = std::get_if<protocol::FrameError>(&parsed)) {
        const bool too_short = error->reason == protocol::FrameError::Reason::too_short;
        if (too_short != (size < protocol::kFrameHeaderBytes)) std::abort();
        if (!too_short && data[20] <= 7) std::abort();
        return 0;
    }
    const auto& frame = *std::get_if<protocol::FrameView>(&parsed);
    std::array<std::byte, protocol::kFrameHeaderBytes> header;
    protocol::write_header(header.data(), frame.header);
    if (!std::equal(header.begin(), header.end(), message.begin())) std::abort();
    if (frame.payload.size() != size - header.size()) std::abort();
    return 0;
}
