#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <cryo/auth/claim_store.h>
#include <cryo/broker/target.h>
#include <cryo/http.h>

#include "answers.h"
#include "wire.h"

/// What requests ask for, from the query string alone. An empty value is none.
namespace cryo::broker {

inline constexpr std::size_t kMaxFieldBytes = 1024;  ///< Of an id, user, session or channel.

std::string parameter(const HttpRequest& request, std::string_view name);

Target target_of(const HttpRequest& request);

/// What keeps a field from being stored and sent: it is too long, or not UTF-8.
/// @param not_utf8 the code for the latter: dSock has one for what would become part of a message
std::optional<Code> problem_of(std::string_view field, Code not_utf8 = Code::error_marshalling_message) noexcept;
std::optional<Code> problem_of(const Target& target, Code not_utf8 = Code::error_marshalling_message) noexcept;

/// Which claims a target means: those of the session, else of the channel, else of the user; of an id alone, none.
std::optional<auth::ClaimTarget> claim_target_of(const Target& target);

std::optional<wire::Message::Type> parse_message_type(std::string_view text) noexcept;

/// The claim that `/claim` asks for, or what is wrong with it.
std::variant<auth::Claim, Code> claim_of(const HttpRequest& request, std::chrono::system_clock::time_point now,
                                         std::size_t max_channels);

/// Whether the request may use the API: the token as the `token` parameter, or after any scheme of 6 letters in
/// `Authorization`. Without a token: who presents none.
bool is_authorized(const HttpRequest& request, std::string_view token);

}  // namespace cryo::broker
