#pragma once

#include <string>
#include <string_view>

#include <cryo/auth/claim_store.h>

namespace cryo::auth {

/// What every store makes of a claim before it keeps it: an id, topics without repetitions, fields within the limits.
/// Errors: see `IClaimStore::create`.
Result<Claim> complete_claim(Claim claim, const ClaimLimits& limits, std::chrono::sys_seconds now);

/// Errors: `invalid_argument`.
Result<> check_topic(std::string_view topic, const ClaimLimits& limits);

/// Whether the claim is one of those meant.
bool is_meant(const Claim& claim, const ClaimTarget& target);

/// Adds or takes away; false when that changes nothing, or would make too many.
bool change_topics(std::vector<std::string>& topics, const std::string& topic, TopicChange change,
                   std::size_t max_topics);

}  // namespace cryo::auth
