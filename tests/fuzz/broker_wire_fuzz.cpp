// What processes of a broker send each other: decoded, it encodes to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire.h"

namespace {

namespace wire = cryo::broker::wire;

template <class Decoded>
void check(const cryo::Result<Decoded>& decoded, cryo::Result<Decoded> (*decode)(std::string_view)) {
    if (!decoded) return;
    const auto again = decode(wire::encode(decoded.value()));
    if (!again || !(again.value() == decoded.value())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(wire::decode_message(bytes), wire::decode_message);
    check(wire::decode_channel_action(bytes), wire::decode_channel_action);
    check(wire::decode_confirmation(bytes), wire::decode_confirmation);
    return 0;
}
