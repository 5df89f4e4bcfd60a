#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <cryo/auth/jwt.h>

#include "base64url.h"
#include "jwt_claims.h"
#include "jwt_signature.h"
#include "token_json.h"

namespace cryo::auth {
namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 9> kNames = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                                    "RS512", "ES256", "ES384", "ES512"};

Error refusal(std::string message) { return {Errc::invalid_argument, std::move(message)}; }

bool is_jwt(std::string_view typ) {
    return typ.size() == 3 && (typ[0] | 32) == 'j' && (typ[1] | 32) == 'w' && (typ[2] | 32) == 't';
}

/// The three parts of a token, as they are; a dot too many ends up in the last one, where no decoder likes it.
struct Parts {
    std::string_view header, payload, signature;

    static std::optional<Parts> split(std::string_view token) {
        const auto first = token.find('.');
        if (first == std::string_view::npos) return std::nullopt;
        const auto second = token.find('.', first + 1);
        if (second == std::string_view::npos) return std::nullopt;
        Parts parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
        if (parts.header.empty() || parts.payload.empty() || parts.signature.empty()) return std::nullopt;
        return parts;
    }
};

struct Header {
    JwtAlgorithm algorithm{};
    std::string key_id{};
};

using Keys = std::vector<JwtKey>;

class Verifier final : public JwtVerifier {
public:
    explicit Verifier(JwtPolicy policy) : policy_(std::move(policy)) {}

    Result<JwtClaims> verify(std::string_view token, std::chrono::system_clock::time_point now) const override {
        if (token.size() > policy_.max_token_bytes) return refusal("the token is too long");
        auto claims = open(token);
        if (claims) {
            auto checked = check_claims(*claims, policy_, std::chrono::floor<seconds>(now));
            if (!checked) claims = std::move(checked).error();
        }
        if (!claims) return Error{claims.error().code, "the token was refused: " + claims.error().message};
        return claims;
    }

    Result<> set_keys(Keys keys) override {
        if (auto checked = check_keys(keys); !checked) return checked;
        auto shared = std::make_shared<const Keys>(std::move(keys));
        const std::lock_guard lock(mutex_);
        keys_.swap(shared);
        return {};
    }

    const JwtPolicy& policy() const noexcept override { return policy_; }

private:
    std::shared_ptr<const Keys> keys() const {
        const std::lock_guard lock(mutex_);
        return keys_;
    }

    bool allows(JwtAlgorithm algorithm) const {
        const auto& allowed = policy_.algorithms;
        return std::find(allowed.begin(), allowed.end(), algorithm) != allowed.end();
    }

    Result<> check_keys(const Keys& keys) const {
        if (keys.size() > kMaxKeys) {
            return Error{Errc::invalid_argument, fmt::format("{} keys are too many, use {}", keys.size(), kMaxKeys)};
        }
        for (const auto& key : keys) {
            const auto fits = [&](JwtAlgorithm algorithm) { return key.fits(algorithm); };
            if (std::none_of(policy_.algorithms.begin(), policy_.algorithms.end(), fits)) {
                return Error{Errc::invalid_argument, fmt::format("the key '{}' fits no allowed algorithm", key.id())};
            }
            const auto same = [&](const JwtKey& other) { return other.id() == key.id(); };
            if (std::count_if(keys.begin(), keys.end(), same) > static_cast<std::ptrdiff_t>(kMaxKeysOfOneId)) {
                return Error{Errc::invalid_argument,
                             fmt::format("more than {} keys have the id '{}'", kMaxKeysOfOneId, key.id())};
            }
        }
        return {};
    }

    /// The claims of a well-signed token.
    Result<JwtClaims> open(std::string_view token) const {
        const bool padded = policy_.reading == JwtReading::jwt_go;
        const auto parts = Parts::split(token);
        if (!parts) return refusal("it is not made of three parts");
        const auto header_text = decode_base64url(parts->header, padded);
        auto payload = decode_base64url(parts->payload, padded);
        const auto signature = decode_base64url(parts->signature, padded);
        if (!header_text || !payload || !signature) return refusal("a part of it is not base64url");

        auto header = read_header(*header_text);
        if (!header) return std::move(header).error();

        std::string plain(token);
        while (plain.ends_with('=')) plain.pop_back();
        if (!is_signed(plain, *header, signature->size())) return refusal("no key for it verifies its signature");

        auto claims = read_claims(std::move(*payload), policy_);
        if (!claims) return claims;
        claims->algorithm = header->algorithm;
        claims->key_id = std::move(header->key_id);
        return claims;
    }

    Result<Header> read_header(std::string_view text) const {
        const auto json = parse_json_object(text, policy_.max_depth);
        if (!json) return refusal("its header " + json.error().message);
        const auto member = [&](const char* name) -> const Json* {
            const auto found = json.value().find(name);
            return found == json.value().end() ? nullptr : &*found;
        };

        const Json* alg = member("alg");
        const auto* const name =
            alg && alg->is_string() ? std::find(kNames.begin(), kNames.end(), alg->get<std::string>()) : kNames.end();
        Header header;
        header.algorithm = static_cast<JwtAlgorithm>(name - kNames.begin());
        if (name == kNames.end() || !allows(header.algorithm)) return refusal("its algorithm is not allowed");
        if (const Json* typ = member("typ"); typ && !(typ->is_string() && is_jwt(typ->get<std::string>()))) {
            return refusal("its type is not JWT");
        }
        if (member("crit") && policy_.reading == JwtReading::rfc7519) {
            return refusal("it has critical header parameters, of which none is understood");
        }
        if (const Json* kid = member("kid")) {
            if (!kid->is_string()) return refusal("its key id is not a string");
            header.key_id = kid->get<std::string>();
        }
        return header;
    }

    bool is_signed(const std::string& token, const Header& header, std::size_t signature_bytes) const {
        const auto keys = this->keys();
        const auto known = [&](const JwtKey& key) { return key.id() == header.key_id; };
        const std::string id = std::any_of(keys->begin(), keys->end(), known) ? header.key_id : std::string();
        return std::any_of(keys->begin(), keys->end(), [&](const JwtKey& key) {
            return key.id() == id && key.fits(header.algorithm) &&
                   signature_is_valid(header.algorithm, key, token, signature_bytes);
        });
    }

    const JwtPolicy policy_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Keys> keys_ = std::make_shared<const Keys>();
};

Result<> check_policy(const JwtPolicy& policy) {
    std::string problems;
    const auto problem = [&](bool found, std::string_view text) {
        if (found) problems.append(problems.empty() ? "" : "\n").append(text);
    };
    problem(policy.algorithms.empty(), "algorithms is empty, name those that tokens may be signed with");
    problem(policy.leeway < seconds(0) || policy.leeway > seconds(600), "leeway must be 0 to 600 seconds");
    problem(policy.lifetime_without_exp &&
                (*policy.lifetime_without_exp <= seconds(0) || *policy.lifetime_without_exp > std::chrono::years(100)),
            "lifetime_without_exp must be more than 0 and at most 100 years");
    problem(policy.max_token_bytes == 0 || policy.max_token_bytes > 65'536, "max_token_bytes must be 1 to 65536");
    problem(policy.max_depth < 1 || policy.max_depth > 256, "max_depth must be 1 to 256");
    if (!problems.empty()) return Error{Errc::invalid_option, std::move(problems)};
    return {};
}

}  // namespace

std::string_view to_string(JwtAlgorithm algorithm) noexcept {
    const auto index = static_cast<std::size_t>(algorithm);
    return index < kNames.size() ? kNames[index] : std::string_view("unknown");
}

Result<std::shared_ptr<JwtVerifier>> JwtVerifier::create(JwtPolicy policy, std::vector<JwtKey> keys) {
    if (auto checked = check_policy(policy); !checked) return std::move(checked).error();
    auto verifier = std::make_shared<Verifier>(std::move(policy));
    if (auto set = verifier->set_keys(std::move(keys)); !set) return std::move(set).error();
    return std::shared_ptr<JwtVerifier>(std::move(verifier));
}

}  // namespace cryo::auth
