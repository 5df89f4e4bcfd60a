#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <cryo/export.h>

namespace cryo {

/// The id of a Cryo session: the 16 bytes of the UUID its client picked. A value type.
struct CRYO_API SessionId {
    std::array<std::byte, 16> bytes{};

    /// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, hexadecimal digits in either case; anything else is null.
    static std::optional<SessionId> parse(std::string_view text) noexcept;

    /// A random (version 4) id from the system's random source.
    static SessionId random();

    /// Lower-case text form, 36 characters.
    std::string to_string() const;

    auto operator<=>(const SessionId&) const = default;
};

}  // namespace cryo

template <>
struct std::hash<cryo::SessionId> {
    CRYO_API std::size_t operator()(const cryo::SessionId& id) const noexcept;
};
