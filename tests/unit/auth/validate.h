#pragma once

#include <optional>
#include <string_view>

#include <cryo/auth.h>

namespace cryo::test {

/// What a validator that answers at once says of a token; nothing: refused.
inline std::optional<Identity> validate(ITokenValidator& validator, std::string_view token) {
    std::optional<Identity> answer;
    bool answered = false;
    const HttpRequest http;
    validator.validate({token, SessionId{}, http}, AuthReply([&](std::optional<Identity> identity) {
                           answer = std::move(identity);
                           answered = true;
                       }));
    return answered ? answer : std::nullopt;
}

}  // namespace cryo::test
