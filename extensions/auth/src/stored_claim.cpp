#include "stored_claim.h"

#include <utility>

#include "rfc3339.h"
#include "topic_list.h"

namespace cryo::auth {
namespace {

std::string join(const std::vector<std::string>& topics) {
    std::string joined;
    for (const auto& topic : topics) joined.append(joined.empty() ? "" : ",").append(topic);
    return joined;
}

std::vector<std::string> split(std::string_view joined) {
    std::vector<std::string> topics;
    while (!joined.empty()) {
        const auto comma = std::min(joined.find(','), joined.size());
        topics.emplace_back(joined.substr(0, comma));
        joined.remove_prefix(std::min(comma + 1, joined.size()));
    }
    remove_repetitions(topics);
    return topics;
}

}  // namespace

std::optional<StoredClaim> StoredClaim::read(std::string id, std::span<const redis::Reply> fields) {
    StoredClaim stored;
    stored.claim.id = std::move(id);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        const std::string_view name = fields[i].text(), value = fields[i + 1].text();
        if (name == "user") stored.claim.user = value;
        if (name == "session") stored.claim.session = value;
        if (name == "channels") stored.claim.topics = split(value);
        if (name == "expiration") {
            const auto end = parse_rfc3339(value);
            stored.has_end = end.has_value();
            stored.claim.expires_at = end.value_or(std::chrono::sys_seconds{});
        }
    }
    if (stored.claim.user.empty()) return std::nullopt;
    return stored;
}

Result<Claim> StoredClaim::usable(std::chrono::sys_seconds now) const {
    if (!has_end) return Error{Errc::invalid_argument, "the expiration of the stored claim is not a time"};
    if (claim.expires_at <= now) return Error{Errc::wrong_state, "the claim has expired"};
    return claim;
}

std::string claim_key(std::string_view id) { return std::string("claim:").append(id); }

std::string index_key(const ClaimTarget& target) {
    switch (target.kind) {
        case ClaimTarget::Kind::user:
            return "claim-user:" + target.name;
        case ClaimTarget::Kind::session:
            return "claim-user-session:" + target.name + '-' + target.session;
        default:
            return "claim-channel:" + target.name;
    }
}

std::vector<std::string> index_keys(const Claim& claim) {
    std::vector<std::string> keys{index_key(ClaimTarget::of_user(claim.user))};
    if (!claim.session.empty()) keys.push_back(index_key(ClaimTarget::of_session(claim.user, claim.session)));
    for (const auto& topic : claim.topics) keys.push_back(index_key(ClaimTarget::of_topic(topic)));
    return keys;
}

std::vector<std::string> hash_of(const Claim& claim) {
    std::vector<std::string> fields{"user", claim.user, "expiration", format_rfc3339(claim.expires_at)};
    if (!claim.session.empty()) fields.insert(fields.end(), {"session", claim.session});
    if (!claim.topics.empty()) fields.insert(fields.end(), {"channels", join(claim.topics)});
    return fields;
}

}  // namespace cryo::auth
