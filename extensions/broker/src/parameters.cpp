#include "parameters.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include <cryo/auth.h>

#include "text.h"
#include "utf8.h"

namespace cryo::broker {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr seconds kDefaultDuration{60};
constexpr std::int64_t kEndOfYear9999 = 253'402'300'799;  // what can be written as RFC 3339
constexpr std::size_t kSchemeBytes = 7;                   // `Bearer `

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
}

std::variant<sys_seconds, Code> expiry_from_time(std::string_view text, std::chrono::system_clock::time_point now) {
    const auto value = parse_integer(text);
    if (!value) return Code::invalid_expiration;
    if (*value < 1) return Code::negative_expiration;
    if (*value > kEndOfYear9999) return Code::invalid_expiration;
    const sys_seconds expiry{seconds{*value}};
    if (expiry < now) return Code::invalid_expiration;
    return expiry;
}

std::variant<sys_seconds, Code> expiry_from_duration(std::string_view text, sys_seconds now) {
    const auto value = parse_integer(text);
    if (!value) return Code::invalid_duration;
    if (*value < 1) return Code::negative_duration;
    if (*value > kEndOfYear9999 - now.time_since_epoch().count()) return Code::invalid_duration;
    return now + seconds{*value};
}

std::variant<sys_seconds, Code> expiry_of(const HttpRequest& request, std::chrono::system_clock::time_point now) {
    if (const auto time = parameter(request, "expiration"); !time.empty()) return expiry_from_time(time, now);
    const auto second = std::chrono::floor<seconds>(now);
    if (const auto length = parameter(request, "duration"); !length.empty()) {
        return expiry_from_duration(length, second);
    }
    return second + kDefaultDuration;
}

}  // namespace

std::string parameter(const HttpRequest& request, std::string_view name) {
    return request.query(name).value_or(std::string());
}

Target target_of(const HttpRequest& request) {
    return {parameter(request, "id"), parameter(request, "user"), parameter(request, "session"),
            parameter(request, "channel")};
}

std::optional<Code> problem_of(std::string_view field, Code not_utf8) noexcept {
    if (field.size() > kMaxFieldBytes) return Code::invalid_parameter;
    if (!is_utf8(field)) return not_utf8;
    return std::nullopt;
}

std::optional<Code> problem_of(const Target& target, Code not_utf8) noexcept {
    for (const auto* field : {&target.id, &target.user, &target.session, &target.channel}) {
        if (const auto problem = problem_of(*field, not_utf8)) return problem;
    }
    return std::nullopt;
}

std::optional<auth::ClaimTarget> claim_target_of(const Target& target) {
    if (!target.session.empty()) {
        // A session belongs to a user: of nobody's session there are no claims.
        if (target.user.empty()) return std::nullopt;
        return auth::ClaimTarget::of_session(target.user, target.session);
    }
    if (!target.channel.empty()) {
        // Lists of channels are joined by commas: no claim has one whose name contains one.
        if (target.channel.find(',') != target.channel.npos) return std::nullopt;
        return auth::ClaimTarget::of_topic(target.channel);
    }
    if (!target.user.empty()) return auth::ClaimTarget::of_user(target.user);
    return std::nullopt;
}

std::optional<wire::Message::Type> parse_message_type(std::string_view text) noexcept {
    if (text == "text" || text == "1") return wire::Message::Type::text;
    if (text == "binary" || text == "2") return wire::Message::Type::binary;
    return std::nullopt;
}

std::variant<auth::Claim, Code> claim_of(const HttpRequest& request, std::chrono::system_clock::time_point now,
                                         std::size_t max_channels) {
    auth::Claim claim{.id = parameter(request, "id"),
                      .user = parameter(request, "user"),
                      .session = parameter(request, "session"),
                      .topics = split_list(parameter(request, "channels"))};
    if (claim.user.empty()) return Code::user_id_required;
    const auto expiry = expiry_of(request, now);
    if (const auto* code = std::get_if<Code>(&expiry)) return *code;
    claim.expires_at = std::get<sys_seconds>(expiry);

    if (claim.topics.size() > max_channels) return Code::invalid_parameter;
    if (const auto problem = problem_of({claim.id, claim.user, claim.session, {}}, Code::invalid_parameter)) {
        return *problem;
    }
    for (const auto& channel : claim.topics) {
        if (const auto problem = problem_of(channel, Code::invalid_parameter)) return *problem;
    }
    return claim;
}

bool is_authorized(const HttpRequest& request, std::string_view token) {
    const auto presented = parameter(request, "token");
    const auto header = request.header("Authorization");
    // Both are always compared, so that the time tells nothing about either.
    const bool by_query = constant_time_equal(presented, token);
    const bool by_header = header.size() > kSchemeBytes && constant_time_equal(header.substr(kSchemeBytes), token);
    return by_query || by_header;
}

}  // namespace cryo::broker
