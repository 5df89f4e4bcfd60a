#pragma once

#include <compare>
#include <string>

namespace cryo::broker {

/// Whom an operation is for: one connection, the members of a channel, or a user, by session where one is given.
/// Empty members are not given. When several are, `id` counts first, then `channel`, then `user`. A value type.
struct Target {
    std::string id{};
    std::string user{};
    std::string session{};  ///< Of the user; alone it names nobody.
    std::string channel{};

    auto operator<=>(const Target&) const = default;

    bool names_nobody() const noexcept { return id.empty() && user.empty() && channel.empty(); }
};

}  // namespace cryo::broker
