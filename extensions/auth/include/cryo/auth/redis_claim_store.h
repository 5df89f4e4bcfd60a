#pragma once

#include <memory>

#include <cryo/auth/claim_store.h>
#include <cryo/export.h>
#include <cryo/redis/client.h>

namespace cryo::auth {

/// Claims in Redis, shared by every process that uses the same one; those of dSock's programs too, which keep them
/// under the same keys in the same form.
///
/// Keys: the hash `claim:<id>` with `user`, `expiration` (RFC 3339) and, if there are any, `session` and `channels`
/// (joined by commas), which Redis lets expire; and sets of ids: `claim-user:<user>`,
/// `claim-user-session:<user>-<session>`, `claim-channel:<topic>`. The hash alone decides what a claim is, and changes
/// in one step; the sets are where to look. An id that a set has for no reason is passed over, and taken out.
///
/// One Redis, a replica set or a cluster: no step needs two keys. Where ids are chosen by the caller, and one is used
/// again while its redemption goes on, a list may miss the new claim for as long as two commands take.
///
/// A claim is redeemed once for as long as Redis keeps its deletion: a failover to a replica that has not got it yet
/// brings the claim back, until it expires. The ids of claims that expire unredeemed stay in the sets until they are
/// met there: by `list`, `remove` or `change_topic`, or by `create`, which looks at a few of them.
///
/// @param client shared with whoever else uses it; the last to let go of it does so on its loop, or after that has
/// ended
CRYO_API std::shared_ptr<IClaimStore> make_redis_claim_store(std::shared_ptr<redis::Client> client,
                                                             ClaimStoreOptions options = {});

}  // namespace cryo::auth
