#include "jwt_claims.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "token_json.h"
#include "topic_list.h"

namespace cryo::auth {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using Time = std::optional<sys_seconds>;

Error refusal(std::string message) { return {Errc::invalid_argument, std::move(message)}; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// Members of the payload by name, each of the type asked for. Remembers the first that is not.
class Reader {
public:
    Reader(const Json& payload, JwtReading reading) : payload_(payload), reading_(reading) {}

    const std::optional<Error>& error() const noexcept { return error_; }

    /// Null when there is none, or it is null.
    const Json* find(std::string_view name) {
        const Json* found = nullptr;
        for (const auto& [key, value] : payload_.items()) {
            if (!matches(key, name)) continue;
            if (found) fail(name, "is there twice");
            found = &value;
        }
        return found && !found->is_null() ? found : nullptr;
    }

    std::string text(std::string_view name) {
        const Json* value = find(name);
        if (!value) return {};
        if (value->is_string()) return value->get<std::string>();
        fail(name, "is not a string");
        return {};
    }

    std::vector<std::string> texts(std::string_view name) {
        std::vector<std::string> texts;
        const Json* value = find(name);
        if (!value) return texts;
        const auto is_text = [](const Json& item) { return item.is_string(); };
        if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_text)) {
            fail(name, "is not an array of strings");
            return texts;
        }
        for (const auto& item : *value) texts.push_back(item.get<std::string>());
        return texts;
    }

    std::vector<std::string> text_or_texts(std::string_view name) {
        const Json* value = find(name);
        if (!value) return {};
        if (value->is_array() && reading_ == JwtReading::rfc7519) return texts(name);
        return {text(name)};
    }

    Time time(std::string_view name) {
        const Json* value = find(name);
        if (!value) return std::nullopt;
        if (value->is_number_float() && reading_ == JwtReading::rfc7519) {
            return sys_seconds(seconds(bounded(std::floor(value->get<double>()))));
        }
        if (!value->is_number_integer()) {
            fail(name, "is not a time");
            return std::nullopt;
        }
        if (reading_ == JwtReading::jwt_go && *value == 0) return std::nullopt;
        if (value->is_number_unsigned()) return sys_seconds(seconds(bounded(value->get<std::uint64_t>())));
        return sys_seconds(seconds(bounded(value->get<std::int64_t>())));
    }

private:
    /// Far enough away for every purpose, and still fit for sums.
    template <class Number>
    static std::int64_t bounded(Number value) {
        constexpr std::int64_t kFar = 1'000'000'000'000'000;
        if (value > static_cast<Number>(kFar)) return kFar;
        if constexpr (!std::is_unsigned_v<Number>) {
            if (value < static_cast<Number>(-kFar)) return -kFar;
        }
        return static_cast<std::int64_t>(value);
    }

    bool matches(std::string_view key, std::string_view name) const {
        return reading_ == JwtReading::jwt_go ? equal_ignoring_case(key, name) : key == name;
    }

    void fail(std::string_view name, std::string_view what) {
        if (!error_) error_ = refusal(fmt::format("its claim '{}' {}", name, what));
    }

    const Json& payload_;
    JwtReading reading_;
    std::optional<Error> error_{};
};

Time refused_from(const JwtClaims& claims, const JwtPolicy& policy) {
    Time end = claims.expires_at;
    if (!end && claims.issued_at && policy.lifetime_without_exp) end = *claims.issued_at + *policy.lifetime_without_exp;
    if (!end) return std::nullopt;
    const seconds last_second(policy.reading == JwtReading::jwt_go ? 1 : 0);
    return *end + last_second + policy.leeway;
}

bool one_of(const std::vector<std::string>& allowed, const std::string& value) {
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

}  // namespace

Result<JwtClaims> read_claims(std::string payload, const JwtPolicy& policy) {
    auto json = parse_json_object(payload, policy.max_depth);
    if (!json) return refusal("its payload " + json.error().message);

    Reader reader(*json, policy.reading);
    JwtClaims claims;
    claims.subject = reader.text("sub");
    claims.session = reader.text("sid");
    claims.topics = reader.texts("channels");
    remove_repetitions(claims.topics);
    claims.issuer = reader.text("iss");
    claims.audience = reader.text_or_texts("aud");
    claims.id = reader.text("jti");
    claims.expires_at = reader.time("exp");
    claims.not_before = reader.time("nbf");
    claims.issued_at = reader.time("iat");
    for (const auto& name : policy.required) {
        const Json* value = reader.find(name);
        const bool empty = !value || value->empty() || (value->is_string() && value->get<std::string>().empty());
        if (empty) return refusal(fmt::format("it has no claim '{}'", name));
    }
    if (reader.error()) return *reader.error();
    claims.refused_from = refused_from(claims, policy);
    claims.json = std::move(payload);
    return claims;
}

Result<> check_claims(const JwtClaims& claims, const JwtPolicy& policy, sys_seconds now) {
    if (!policy.issuers.empty() && !one_of(policy.issuers, claims.issuer)) {
        return refusal("its issuer is none of those allowed");
    }
    const auto named = [&](const std::string& audience) { return one_of(claims.audience, audience); };
    if (!policy.audiences.empty() && std::none_of(policy.audiences.begin(), policy.audiences.end(), named)) {
        return refusal("it is meant for another audience");
    }
    if (policy.require_end && !claims.refused_from) return refusal("it never ends");

    if (claims.refused_from && now >= *claims.refused_from) return Error{Errc::wrong_state, "it has expired"};
    const Time earliest = std::max(claims.not_before, claims.issued_at);
    if (earliest && now < *earliest - policy.leeway) return Error{Errc::wrong_state, "it is not valid yet"};
    return {};
}

}  // namespace cryo::auth
