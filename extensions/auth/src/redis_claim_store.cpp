#include <algorithm>
#include <functional>
#include <iterator>
#include <random>
#include <unordered_set>
#include <utility>

#include <cryo/auth/redis_claim_store.h>

#include "claim_rules.h"
#include "redis_claims.h"
#include "wall_time.h"

namespace cryo::auth {
namespace {

constexpr std::size_t kTidied = 16;  // sets, for each claim that is created

using Outcome = RedisClaims::Outcome;
using Visited = RedisClaims::Answer<void>;

Error not_found() { return {Errc::not_found, "no such claim: unknown, redeemed or expired"}; }

/// False: no claim can be meant.
bool can_match(const ClaimTarget& target) {
    if (target.kind == ClaimTarget::Kind::session && target.session.empty()) return false;
    if (target.kind == ClaimTarget::Kind::topic && target.name.find(',') != std::string::npos) return false;
    return !target.name.empty();
}

/// The sets of a claim that are tidied when it is created: of many a few, other ones for each claim.
std::vector<std::string> keys_to_tidy(const Claim& claim) {
    std::vector<std::string> drawn;
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(std::hash<std::string>{}(claim.id)));
    std::ranges::sample(index_keys(claim), std::back_inserter(drawn), kTidied, random);
    return drawn;
}

/// Says how many, once all have been visited.
Visited counted(std::shared_ptr<std::size_t> count, IClaimStore::Done<std::size_t> done) {
    return [count = std::move(count), done = std::move(done)](Result<> scanned) mutable {
        if (!scanned) return done(std::move(scanned).error());
        done(*count);
    };
}

/// The hash is written first and deleted first: what a set says beyond that is passed over.
/// What is captured as `this` is there whenever an answer comes: `RedisClaims` sees to that.
class RedisClaimStore final : public IClaimStore, public std::enable_shared_from_this<RedisClaimStore> {
public:
    RedisClaimStore(std::shared_ptr<redis::Client> client, ClaimStoreOptions options)
        : options_(std::move(options)), claims_(std::make_shared<RedisClaims>(std::move(client))) {}

    void create(Claim claim, Done<Claim> done) override {
        on_loop([this, claim = std::move(claim), done = std::move(done)]() mutable {
            auto completed = complete_claim(std::move(claim), options_.limits, now());
            if (!completed) return done(std::move(completed));
            create_complete(std::move(completed).value(), std::move(done));
        });
    }

    void redeem(std::string_view id, Done<Claim> done) override {
        if (id.size() > options_.limits.max_field_bytes) return done(not_found());
        on_loop([this, id = std::string(id), done = std::move(done)]() mutable {
            claims_->take(id, nullptr, [this, id, done = std::move(done)](Result<Outcome> taken) mutable {
                if (!taken) return done(std::move(taken).error());
                if (!taken->claim) return done(not_found());
                auto keys = index_keys(taken->claim->claim);
                claims_->unlist(id, std::move(keys),
                                [this, stored = std::move(*taken->claim), done = std::move(done)]() mutable {
                                    done(stored.usable(now()));
                                });
            });
        });
    }

    void find(std::string_view id, Done<Claim> done) override {
        if (id.size() > options_.limits.max_field_bytes) return done(not_found());
        on_loop([this, id = std::string(id), done = std::move(done)]() mutable {
            claims_->read(id, [this, done = std::move(done)](Result<std::optional<StoredClaim>> stored) mutable {
                if (!stored) return done(std::move(stored).error());
                if (!stored.value()) return done(not_found());
                done(stored.value()->usable(now()));
            });
        });
    }

    void list(ClaimTarget target, Done<std::vector<Claim>> done) override {
        struct Found {
            std::vector<Claim> claims{};
            std::unordered_set<std::string> ids{};  // a scan may come to one twice
        };
        const auto found = std::make_shared<Found>();
        auto visit = [this, found, target](std::string id, Visited visited) {
            if (!found->ids.insert(id).second) return visited({});
            claims_->read(id, [this, found, target, id,
                               visited = std::move(visited)](Result<std::optional<StoredClaim>> read) mutable {
                if (!read) return visited(std::move(read).error());
                const auto& stored = read.value();
                if (stored && is_meant(stored->claim, target)) {
                    if (auto claim = stored->usable(now())) found->claims.push_back(std::move(claim).value());
                }
                tidy(target, id, stored, std::move(visited));
            });
        };
        for_each(std::move(target), std::move(visit), [found, done = std::move(done)](Result<> scanned) mutable {
            if (!scanned) return done(std::move(scanned).error());
            done(std::move(found->claims));
        });
    }

    void remove(ClaimTarget target, Done<std::size_t> done) override {
        const auto removed = std::make_shared<std::size_t>(0);
        auto visit = [this, removed, target](std::string id, Visited visited) {
            claims_->take(id, &target,
                          [this, removed, target, id, visited = std::move(visited)](Result<Outcome> taken) mutable {
                              if (!taken) return visited(std::move(taken).error());
                              const auto& stored = taken->claim;
                              if (!taken->done || !stored) return tidy(target, id, stored, std::move(visited));
                              if (stored->usable(now())) ++*removed;
                              claims_->unlist(id, index_keys(stored->claim),
                                              [visited = std::move(visited)]() mutable { visited({}); });
                          });
        };
        for_each(std::move(target), std::move(visit), counted(removed, std::move(done)));
    }

    void change_topic(ClaimTarget target, std::string topic, TopicChange change, Done<std::size_t> done) override {
        const auto changed = std::make_shared<std::size_t>(0);
        auto visit = [this, changed, target, topic, change](std::string id, Visited visited) {
            claims_->change_topic(id, target, topic, change, options_.limits.max_topics,
                                  [this, changed, target, topic, change, id,
                                   visited = std::move(visited)](Result<Outcome> outcome) mutable {
                                      if (!outcome) return visited(std::move(outcome).error());
                                      const auto& stored = outcome->claim;
                                      if (!outcome->done || !stored)
                                          return tidy(target, id, stored, std::move(visited));
                                      if (stored->usable(now())) ++*changed;
                                      relist(id, topic, change, std::move(visited));
                                  });
        };
        auto finish = counted(changed, std::move(done));
        if (auto checked = check_topic(topic, options_.limits); !checked) return finish(std::move(checked));
        for_each(std::move(target), std::move(visit), std::move(finish));
    }

private:
    std::chrono::sys_seconds now() const { return wall_seconds(options_.clock); }

    void on_loop(UniqueFunction<void()> task) {
        if (claims_->loop().in_loop_thread()) return task();
        claims_->loop().post([self = shared_from_this(), task = std::move(task)]() mutable { task(); });
    }

    void create_complete(Claim claim, Done<Claim> done) {
        claims_->create(claim, [this, claim, done = std::move(done)](Result<bool> created) mutable {
            if (!created) return done(std::move(created).error());
            if (!created.value()) return done(Error{Errc::duplicate, "the id of the claim is in use"});
            // Ids of claims that expired would pile up where claims are created and never read.
            claims_->tidy(keys_to_tidy(claim));
            claims_->list_in(
                claim.id, index_keys(claim), [this, claim, done = std::move(done)](Result<> listed) mutable {
                    if (listed) return done(std::move(claim));
                    // A claim that no list shows could not be removed.
                    claims_->take(claim.id, nullptr, [](Result<Outcome>) {});
                    done(Error{Errc::outcome_unknown, "the claim could not be listed: " + listed.error().message});
                });
        });
    }

    void for_each(ClaimTarget target, UniqueFunction<void(std::string, Visited)> visit, Visited finished) {
        if (!can_match(target)) return finished({});
        on_loop([this, target = std::move(target), visit = std::move(visit), finished = std::move(finished)]() mutable {
            claims_->scan(index_key(target), std::move(visit), std::move(finished));
        });
    }

    /// Takes an id out of the target's set when it does not belong there. That of one session of a user may belong to
    /// another's.
    void tidy(const ClaimTarget& target, const std::string& id, const std::optional<StoredClaim>& stored,
              Visited visited) {
        const auto key = index_key(target);
        const auto belongs = stored ? index_keys(stored->claim) : std::vector<std::string>();
        if (std::find(belongs.begin(), belongs.end(), key) != belongs.end()) return visited({});
        claims_->unlist(id, {key}, [visited = std::move(visited)]() mutable { visited({}); });
    }

    /// Has the topic's set follow the claim.
    void relist(const std::string& id, const std::string& topic, TopicChange change, Visited visited) {
        std::vector<std::string> keys{index_key(ClaimTarget::of_topic(topic))};
        if (change == TopicChange::add) return claims_->list_in(id, keys, std::move(visited));
        claims_->unlist(id, std::move(keys), [visited = std::move(visited)]() mutable { visited({}); });
    }

    const ClaimStoreOptions options_;
    const std::shared_ptr<RedisClaims> claims_;
};

}  // namespace

std::shared_ptr<IClaimStore> make_redis_claim_store(std::shared_ptr<redis::Client> client, ClaimStoreOptions options) {
    auto loop = client->loop();
    auto store = std::make_unique<RedisClaimStore>(std::move(client), std::move(options));
    // The client goes with it, on its loop.
    return std::shared_ptr<RedisClaimStore>(store.release(), [loop = std::move(loop)](RedisClaimStore* last) {
        loop->post([owned = std::unique_ptr<RedisClaimStore>(last)] {});
    });
}

}  // namespace cryo::auth
