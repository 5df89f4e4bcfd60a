#pragma once

#include <string>
#include <system_error>

#include <cryo/export.h>

namespace cryo {

/// What went wrong, as a value to compare with. `Error::message` says it in words.
enum class Errc {
    invalid_option = 1,   ///< A `ServerOptions` member is out of range; the message names each one.
    invalid_argument,     ///< An argument of this call cannot be used; the message says which and why.
    address_unavailable,  ///< Host cannot be resolved, or the port is taken or not permitted.
    tls_configuration,    ///< Certificate, key or CA cannot be read or do not belong together.
    wrong_state,          ///< The call does not fit the life cycle: started twice, routed after start ...
    duplicate,            ///< The name or path is taken: extension, endpoint, route.
    not_found,            ///< Nothing of that name.
    system,               ///< The operating system refused: out of memory, file descriptors, threads.
    unavailable,          ///< A server that this one uses cannot be reached, or is too busy: nothing was done.
    outcome_unknown,      ///< It was asked, but did not answer: what was asked may be done, or not.
    refused,              ///< It answered with an error, which is the message.
    user_code,            ///< A handler, hook or validator of the application threw.
};

/// Category of `Errc`, for `std::error_code` and `std::error_condition`.
CRYO_API const std::error_category& error_category() noexcept;

inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

/// An expected failure: a code to test for and a message for people, which names the offending value.
///
/// A value type. Messages never contain secrets.
struct Error {
    Errc code{};
    std::string message{};

    bool operator==(const Error&) const = default;
};

}  // namespace cryo

template <>
struct std::is_error_code_enum<cryo::Errc> : std::true_type {};
