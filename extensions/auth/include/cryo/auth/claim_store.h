#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/auth.h>
#include <cryo/auth/wall_clock.h>
#include <cryo/export.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::auth {

/// The right to connect once, as somebody: a back-end creates it and gives its id, a secret, to a client. A value type.
struct Claim {
    std::string id{};
    std::string user{};
    std::string session{};              ///< Of the user; empty: none.
    std::vector<std::string> topics{};  ///< To be subscribed from the start.
    std::chrono::sys_seconds expires_at{};

    bool operator==(const Claim&) const = default;
};

/// Which claims are meant: all of a user, those of one session of a user, or those with a topic. A value type.
struct ClaimTarget {
    enum class Kind : std::uint8_t { user, session, topic };

    static ClaimTarget of_user(std::string user) { return {Kind::user, std::move(user), {}}; }
    static ClaimTarget of_session(std::string user, std::string session) {
        return {Kind::session, std::move(user), std::move(session)};
    }
    static ClaimTarget of_topic(std::string topic) { return {Kind::topic, std::move(topic), {}}; }

    Kind kind{};
    std::string name{};     ///< The user, or the topic.
    std::string session{};  ///< With `Kind::session`.

    bool operator==(const ClaimTarget&) const = default;
};

enum class TopicChange : std::uint8_t { add, remove };

/// How much claims may cost.
struct ClaimLimits {
    std::size_t max_claims = 100'000;    ///< In memory; in Redis as many as it takes.
    std::size_t max_topics = 256;        ///< Of one claim.
    std::size_t max_field_bytes = 1024;  ///< Of an id, user, session or topic.
};

struct ClaimStoreOptions {
    ClaimLimits limits{};
    WallClock clock{};
};

/// Where claims wait until they are redeemed or expire.
///
/// Promised: an id is given to one claim at a time, and a claim redeemed once at most, whoever calls at the same time.
/// What has been answered is in effect for whatever is asked after that. A change of topics that meets a redemption
/// comes before it or has no effect.
///
/// Fields: id (if given) and user have at least one byte, a topic has no comma; no field may be longer than the limit.
/// Answers: `done` is called exactly once, before the call returns or later, then on a thread of the store; it must not
/// throw. Destroyed uncalled: the store was ended first.
/// Errors of all: when the backend fails, `unavailable` (nothing was done), `outcome_unknown` (it may have been done)
/// or `refused` (the backend's own error). The messages contain no ids.
/// Thread safety: any thread. Lifetime: shared by whoever uses it.
class CRYO_API IClaimStore {
public:
    template <class T>
    using Done = UniqueFunction<void(Result<T>)>;

    virtual ~IClaimStore() = default;

    /// Stores the claim and answers with it as stored: an id is made up when it has none, empty and repeated topics are
    /// left out. Errors: `invalid_argument` for its fields, or when it has expired; `duplicate` when the id is in use;
    /// `unavailable` when the store is full.
    virtual void create(Claim claim, Done<Claim> done) = 0;

    /// Takes the claim out; afterwards its id is free. Errors: `not_found`: never there, redeemed or expired;
    /// `wrong_state`: there, but expired; `invalid_argument`: what is stored under the id is no claim.
    virtual void redeem(std::string_view id, Done<Claim> done) = 0;

    /// As `redeem`, and leaves it there.
    virtual void find(std::string_view id, Done<Claim> done) = 0;

    /// Those that have not expired, in no order.
    virtual void list(ClaimTarget target, Done<std::vector<Claim>> done) = 0;

    /// Takes them out without redeeming; answers how many.
    virtual void remove(ClaimTarget target, Done<std::size_t> done) = 0;

    /// Adds a topic to them, or takes it away; answers how many changed. One that has `max_topics` already stays as it
    /// is.
    virtual void change_topic(ClaimTarget target, std::string topic, TopicChange change, Done<std::size_t> done) = 0;
};

/// Claims of this process; answers before each call returns. What is expired makes room by itself.
CRYO_API std::shared_ptr<IClaimStore> make_memory_claim_store(ClaimStoreOptions options = {});

/// An id for a claim: 32 letters and digits, 190 bits from the system's random source.
CRYO_API std::string make_claim_id();

/// Admits sessions by claim: the token is the id, and is redeemed. The claim's user becomes `Identity::user`;
/// `Identity::claims` is JSON with the names that a JWT would have: `{"sub":...,"sid":...,"channels":[...]}`, `sid`
/// only when there is a session. A claim's expiry is not that of the session it opened.
CRYO_API std::shared_ptr<ITokenValidator> make_claim_validator(std::shared_ptr<IClaimStore> store);

}  // namespace cryo::auth
