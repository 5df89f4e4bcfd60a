#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <cryo/auth/claim_store.h>

#include "claim_rules.h"
#include "wall_time.h"

namespace cryo::auth {
namespace {

using std::chrono::sys_seconds;

/// Sets of claims by a name they have.
class Index {
public:
    using Claims = std::unordered_set<const Claim*>;

    void add(const std::string& name, const Claim* claim) { claims_[name].insert(claim); }

    void remove(const std::string& name, const Claim* claim) {
        const auto found = claims_.find(name);
        if (found == claims_.end()) return;
        found->second.erase(claim);
        if (found->second.empty()) claims_.erase(found);
    }

    const Claims& of(const std::string& name) const {
        static const Claims none;
        const auto found = claims_.find(name);
        return found == claims_.end() ? none : found->second;
    }

private:
    std::unordered_map<std::string, Claims> claims_{};
};

/// The claims and where to find them. Not for several threads.
class ClaimTable {
public:
    std::size_t size() const noexcept { return claims_.size(); }

    /// False when the id is in use.
    bool insert(Claim claim) {
        const auto [entry, is_new] = claims_.try_emplace(claim.id, std::move(claim));
        if (!is_new) return false;
        const Claim& stored = entry->second;
        by_end_.emplace(stored.expires_at, &stored);
        by_user_.add(stored.user, &stored);
        for (const auto& topic : stored.topics) by_topic_.add(topic, &stored);
        return true;
    }

    const Claim* find(const std::string& id) const {
        const auto found = claims_.find(id);
        return found == claims_.end() ? nullptr : &found->second;
    }

    Claim take(const Claim& claim) {
        by_end_.erase({claim.expires_at, &claim});
        by_user_.remove(claim.user, &claim);
        for (const auto& topic : claim.topics) by_topic_.remove(topic, &claim);
        return std::move(claims_.extract(claim.id).mapped());
    }

    std::vector<const Claim*> meant(const ClaimTarget& target) const {
        const auto& index = target.kind == ClaimTarget::Kind::topic ? by_topic_ : by_user_;
        std::vector<const Claim*> found;
        for (const Claim* claim : index.of(target.name)) {
            if (is_meant(*claim, target)) found.push_back(claim);
        }
        return found;
    }

    bool change_topic(const Claim& claim, const std::string& topic, TopicChange change, std::size_t max_topics) {
        if (!change_topics(claims_.find(claim.id)->second.topics, topic, change, max_topics)) return false;
        if (change == TopicChange::add) {
            by_topic_.add(topic, &claim);
        } else {
            by_topic_.remove(topic, &claim);
        }
        return true;
    }

    void remove_expired(sys_seconds now) {
        while (!by_end_.empty() && by_end_.begin()->first <= now) take(*by_end_.begin()->second);
    }

private:
    std::unordered_map<std::string, Claim> claims_{};  // whose entries stay where they are
    std::set<std::pair<sys_seconds, const Claim*>> by_end_{};
    Index by_user_{}, by_topic_{};
};

Error not_found() { return {Errc::not_found, "no such claim: unknown, redeemed or expired"}; }

/// Answers are given outside the lock: what they call may come back.
class MemoryClaimStore final : public IClaimStore {
    template <class Work>
    auto with_claims(Work work) {
        const sys_seconds now = wall_seconds(options_.clock);
        const std::lock_guard lock(mutex_);
        claims_.remove_expired(now);
        return work(claims_, now);
    }

public:
    explicit MemoryClaimStore(ClaimStoreOptions options) : options_(std::move(options)) {}

    void create(Claim claim, Done<Claim> done) override {
        done(with_claims([&](ClaimTable& claims, sys_seconds now) -> Result<Claim> {
            auto completed = complete_claim(std::move(claim), options_.limits, now);
            if (!completed) return completed;
            if (claims.find(completed->id)) return Error{Errc::duplicate, "the id of the claim is in use"};
            if (claims.size() >= options_.limits.max_claims) {
                return Error{Errc::unavailable, "there are too many claims (ClaimLimits::max_claims)"};
            }
            claims.insert(*completed);
            return completed;
        }));
    }

    void redeem(std::string_view id, Done<Claim> done) override {
        done(with_claims([&](ClaimTable& claims, sys_seconds) -> Result<Claim> {
            const Claim* found = claims.find(std::string(id));
            if (!found) return not_found();
            return claims.take(*found);
        }));
    }

    void find(std::string_view id, Done<Claim> done) override {
        done(with_claims([&](ClaimTable& claims, sys_seconds) -> Result<Claim> {
            const Claim* found = claims.find(std::string(id));
            if (!found) return not_found();
            return *found;
        }));
    }

    void list(ClaimTarget target, Done<std::vector<Claim>> done) override {
        done(with_claims([&](ClaimTable& claims, sys_seconds) {
            std::vector<Claim> found;
            for (const Claim* claim : claims.meant(target)) found.push_back(*claim);
            return Result(std::move(found));
        }));
    }

    void remove(ClaimTarget target, Done<std::size_t> done) override {
        done(with_claims([&](ClaimTable& claims, sys_seconds) {
            const auto found = claims.meant(target);
            for (const Claim* claim : found) claims.take(*claim);
            return Result(found.size());
        }));
    }

    void change_topic(ClaimTarget target, std::string topic, TopicChange change, Done<std::size_t> done) override {
        if (auto checked = check_topic(topic, options_.limits); !checked) return done(std::move(checked).error());
        done(with_claims([&](ClaimTable& claims, sys_seconds) {
            std::size_t changed = 0;
            for (const Claim* claim : claims.meant(target)) {
                changed += claims.change_topic(*claim, topic, change, options_.limits.max_topics);
            }
            return Result(changed);
        }));
    }

private:
    const ClaimStoreOptions options_;
    std::mutex mutex_;
    ClaimTable claims_;
};

}  // namespace

std::shared_ptr<IClaimStore> make_memory_claim_store(ClaimStoreOptions options) {
    return std::make_shared<MemoryClaimStore>(std::move(options));
}

}  // namespace cryo::auth
