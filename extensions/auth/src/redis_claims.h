#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/auth/claim_store.h>
#include <cryo/redis/client.h>

#include "stored_claim.h"

namespace cryo::auth {

/// The commands that claims in Redis are made of: one claim's hash in one step, and the sets that list claims.
///
/// On the client's loop. Answers come later; after this has been destroyed, none does.
class RedisClaims : public std::enable_shared_from_this<RedisClaims> {
public:
    template <class T>
    using Answer = UniqueFunction<void(Result<T>)>;

    /// What a script did, and the claim's hash: after a change as it is, taken as it was.
    struct Outcome {
        bool done = false;
        std::optional<StoredClaim> claim{};
    };

    explicit RedisClaims(std::shared_ptr<redis::Client> client) noexcept : client_(std::move(client)) {}

    Loop& loop() const noexcept { return *client_->loop(); }

    /// False: the id is in use.
    void create(const Claim& claim, Answer<bool> answer);
    void read(const std::string& id, Answer<std::optional<StoredClaim>> answer);
    /// Deletes the claim, when it is meant.
    /// @param target null: whichever it is
    void take(const std::string& id, const ClaimTarget* target, Answer<Outcome> answer);
    void change_topic(const std::string& id, const ClaimTarget& target, const std::string& topic, TopicChange change,
                      std::size_t max_topics, Answer<Outcome> answer);

    /// Puts the id into these sets.
    void list_in(const std::string& id, const std::vector<std::string>& keys, Answer<void> answer);
    /// Takes it out of them. Errors are passed over: who reads the sets does without. So that no claim is lost that was
    /// created under the same id meanwhile, it is put back if it turns out to belong there.
    void unlist(const std::string& id, std::vector<std::string> keys, UniqueFunction<void()> done);

    /// Draws a few ids from each of these sets, and takes out those whose claim has gone. Nobody waits for it.
    void tidy(const std::vector<std::string>& keys);

    /// Calls `visit` for every id in a set, for some twice, and waits for each to be visited: a few hundred at a time.
    void scan(std::string key, UniqueFunction<void(std::string id, Answer<void> visited)> visit, Answer<void> finished);

private:
    using Words = std::vector<std::string_view>;
    class Scan;

    template <class Use>
    redis::Client::Callback guarded(Use use);
    void command(const Words& words, Answer<redis::Reply> answer);
    void run(const redis::Script& script, const std::string& id, const Words& arguments, Answer<redis::Reply> answer);
    void unlist_if_gone(const std::string& id, const std::string& key);
    void change_sets(std::string_view name, const std::string& id, const std::vector<std::string>& keys,
                     Answer<void> answer);

    std::shared_ptr<redis::Client> client_;
};

}  // namespace cryo::auth
