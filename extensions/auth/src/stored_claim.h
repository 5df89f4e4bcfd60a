#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/auth/claim_store.h>
#include <cryo/redis/reply.h>

namespace cryo::auth {

/// A claim as dSock keeps it in Redis.
struct StoredClaim {
    Claim claim{};
    bool has_end = false;  ///< False: `claim.expires_at` could not be read.

    /// From the answer to HGETALL; nothing when there is no claim: no hash, or one without a user.
    static std::optional<StoredClaim> read(std::string id, std::span<const redis::Reply> fields);

    /// The claim, or why it is not to be used. Errors: see `IClaimStore::redeem`.
    Result<Claim> usable(std::chrono::sys_seconds now) const;
};

std::string claim_key(std::string_view id);

/// The set that lists a target's claims; that of one session may list others', too.
std::string index_key(const ClaimTarget& target);

/// The sets that list this claim.
std::vector<std::string> index_keys(const Claim& claim);

/// Names and values of its hash, one after the other.
std::vector<std::string> hash_of(const Claim& claim);

}  // namespace cryo::auth
