#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <cryo/hub/options.h>

namespace cryo::hub {

Result<> HubOptions::validate() const {
    struct Limit {
        std::string_view name;
        std::size_t value;
    };
    const std::array<Limit, 8> limits{{{"max_topic_bytes", max_topic_bytes},
                                       {"max_id_bytes", max_id_bytes},
                                       {"max_topics_per_subscriber", max_topics_per_subscriber},
                                       {"max_topics", max_topics},
                                       {"max_subscribers", max_subscribers},
                                       {"max_waiting", max_waiting},
                                       {"max_waiting_bytes", max_waiting_bytes},
                                       {"max_listed", max_listed}}};
    std::string problems;
    for (const auto& [name, value] : limits) {
        if (value > 0) continue;
        if (!problems.empty()) problems += '\n';
        problems += fmt::format("HubOptions::{} is 0: it must be at least 1", name);
    }
    // Random connection ids have to fit.
    if (max_id_bytes > 0 && max_id_bytes < 32) {
        if (!problems.empty()) problems += '\n';
        problems += fmt::format("HubOptions::max_id_bytes is {}: it must be at least 32", max_id_bytes);
    }
    if (problems.empty()) return {};
    return Error{Errc::invalid_option, std::move(problems)};
}

}  // namespace cryo::hub
