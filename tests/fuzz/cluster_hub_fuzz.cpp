// What hubs say to each other: whatever a decoder accepts is encoded again to the same bytes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "hub_wire.h"

using namespace cryo;

namespace {

void expect_same(Bytes bytes, const std::vector<std::byte>& again) {
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
    if (const auto command = cluster::decode_command(bytes)) expect_same(bytes, cluster::encode(*command));
    if (const auto question = cluster::decode_question(bytes)) expect_same(bytes, cluster::encode(*question));
    if (const auto outcome = cluster::decode_outcome(bytes)) expect_same(bytes, cluster::encode(*outcome));
    if (const auto listing = cluster::decode_listing(bytes)) expect_same(bytes, cluster::encode(*listing, size));
    if (const auto topics = cluster::decode_topic_listing(bytes)) expect_same(bytes, cluster::encode(*topics, size));
    return 0;
}
