// What a server sends: read whole and in pieces it must come to the same, and what is made of it must hold.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "reply_reader.h"
#include "slot_map.h"

using namespace cryo::redis;

namespace {

constexpr ReplyLimits kLimits{.bytes = 10'000, .elements = 1'000};

struct Read {
    std::vector<Reply> replies{};
    bool failed = false;

    bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, std::size_t piece) {
    ReplyReader reader(kLimits);
    Read result;
    while (!bytes.empty() && !result.failed) {
        reader.feed(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (;;) {
            auto next = reader.next();
            result.failed = !next;
            if (!next || !*next) break;
            result.replies.push_back(std::move(**next));
        }
    }
    return result;
}

struct Size {
    std::size_t elements = 0;
    std::size_t bytes = 0;
    std::size_t depth = 0;
};

void measure(const Reply& reply, std::size_t depth, Size& size) {
    size.depth = std::max(size.depth, depth);
    size.bytes += reply.text().size();
    size.elements += reply.elements().size();
    for (const auto& element : reply.elements()) measure(element, depth + 1, size);
}

void check(const Reply& reply) {
    Size size;
    measure(reply, 0, size);
    if (size.elements > kLimits.elements || size.bytes > kLimits.bytes || size.depth > 9) std::abort();

    if (const auto ranges = parse_slots(reply, "asked")) {
        for (const auto& range : ranges.value()) {
            if (range.first > range.last || range.last >= kSlots || range.master.host.empty()) std::abort();
        }
    }
    if (const auto redirect = parse_redirect(reply.text())) {
        if (redirect->slot >= kSlots || redirect->to.port == 0) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Read whole = read(bytes, std::max<std::size_t>(bytes.size(), 1));
    if (read(bytes, data[0] % 64 + 1u) != whole) std::abort();
    for (const auto& reply : whole.replies) check(reply);
    return 0;
}
