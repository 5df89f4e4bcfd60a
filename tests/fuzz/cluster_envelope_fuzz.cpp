// What nodes say to each other: whatever the envelope's decoder accepts is encoded again to the same bytes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "envelope.h"

using namespace cryo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
    const auto envelope = cluster::decode_envelope(bytes);
    if (!envelope) return 0;
    std::vector<std::byte> again;
    cluster::encode_envelope(*envelope, again);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    if (size > cluster::kMaxEnvelopeOverhead + envelope->payload.size()) std::abort();
    return 0;
}
