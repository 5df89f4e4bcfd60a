#include "hub_copies.h"

#include <algorithm>

namespace cryo::cluster {

bool HubCopies::is_first(const CommandId& id) {
    auto& window = windows_[id.sender];
    window.used = ++copies_;
    if (windows_.size() > kSenders) {
        windows_.erase(std::ranges::min_element(windows_, {}, [](const auto& entry) { return entry.second.used; }));
    }
    return window.take(id.number);
}

bool HubCopies::Window::take(std::uint64_t number) {
    if (number > latest) {
        const auto new_ones = std::min<std::uint64_t>(number - latest, kNumbers);
        for (std::uint64_t i = 0; i < new_ones; ++i) taken.reset((number - i) % kNumbers);
        latest = number;
    } else if (latest - number >= kNumbers) {
        return false;
    }
    const auto place = number % kNumbers;
    if (taken.test(place)) return false;
    taken.set(place);
    return true;
}

}  // namespace cryo::cluster
