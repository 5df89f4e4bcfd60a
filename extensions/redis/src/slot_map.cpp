#include "slot_map.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace cryo::redis {
namespace {

std::optional<std::uint16_t> slot_in(const Reply& reply) noexcept {
    const auto number = reply.integer();
    if (!number || *number < 0 || *number >= static_cast<std::int64_t>(kSlots)) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

std::optional<SlotRange> parse_range(const Reply& entry, std::string_view asked) {
    const auto first = slot_in(entry[0]);
    const auto last = slot_in(entry[1]);
    const Reply& master = entry[2];
    const auto port = master[1].integer();
    if (!first || !last || *first > *last || !port || *port < 1 || *port > 65'535) return std::nullopt;
    // An empty or missing host: the node does not know its own, so it is the one that it was asked by.
    Address address{.host = std::string(master[0].text()), .port = static_cast<std::uint16_t>(*port)};
    if (address.host.empty()) address.host = asked;
    if (address.host == "?" || address.host.size() > kMaxHostBytes) return std::nullopt;
    return SlotRange{.first = *first, .last = *last, .master = std::move(address)};
}

/// The next word of `text`, and takes it off.
std::string_view take_word(std::string_view& text) noexcept {
    const std::size_t end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

}  // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

Result<std::vector<SlotRange>> parse_slots(const Reply& reply, std::string_view asked) {
    if (reply.kind() != Reply::Kind::array || reply.elements().size() > kSlots) {
        return Error{Errc::refused, "CLUSTER SLOTS was not answered with a list of slots"};
    }
    std::vector<SlotRange> ranges;
    for (const Reply& entry : reply.elements()) {
        if (auto range = parse_range(entry, asked)) ranges.push_back(std::move(*range));
    }
    return ranges;
}

std::optional<Redirect> parse_redirect(std::string_view error) {
    const auto kind = take_word(error);
    if (kind != "MOVED" && kind != "ASK") return std::nullopt;
    const auto slot_text = take_word(error);
    const auto place = take_word(error);
    std::uint16_t slot = 0;
    const auto [end, failed] = std::from_chars(slot_text.data(), slot_text.data() + slot_text.size(), slot);
    const std::size_t colon = place.rfind(':');
    if (failed != std::errc() || end != slot_text.data() + slot_text.size() || slot >= kSlots ||
        colon == std::string_view::npos || colon > kMaxHostBytes) {
        return std::nullopt;
    }
    const auto port = parse_port(place.substr(colon + 1));
    if (!port) return std::nullopt;
    return Redirect{
        .slot = slot, .to = {.host = std::string(place.substr(0, colon)), .port = *port}, .ask = kind == "ASK"};
}

}  // namespace cryo::redis
