#include "redis_claims.h"

#include <algorithm>
#include <utility>

namespace cryo::auth {
namespace {

using redis::Reply;
using redis::Script;

constexpr std::string_view kDrawn = "3";  // of a set; more than one, so that sets shrink while claims are created

// Each script works on one claim's hash, KEYS[1], alone: in a cluster the sets lie on other nodes.

/// ARGV: the second of its end, then names and values. What has no user is no claim: dSock leaves such hashes behind
/// when a change of topics meets a redemption.
const Script& create_script() {
    static const Script script(R"(
if redis.call('HEXISTS', KEYS[1], 'user') == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIREAT', KEYS[1], ARGV[1])
return 1
)");
    return script;
}

/// ARGV[1] to ARGV[3]: which claim is meant, `any`, or kind, name and session of a target.
constexpr std::string_view kMeant = R"(
local function meant()
    local claim = redis.call('HMGET', KEYS[1], 'user', 'session', 'channels')
    if not claim[1] then return false end
    if ARGV[1] == 'any' then return true end
    if ARGV[1] == 'topic' then
        return string.find(',' .. (claim[3] or '') .. ',', ',' .. ARGV[2] .. ',', 1, true) ~= nil
    end
    return claim[1] == ARGV[2] and (ARGV[1] == 'user' or claim[2] == ARGV[3])
end
)";

const Script& take_script() {
    static const Script script(std::string(kMeant) + R"(
local claim, taken = redis.call('HGETALL', KEYS[1]), 0
if meant() then taken = redis.call('DEL', KEYS[1]) end
return {taken, claim}
)");
    return script;
}

/// ARGV[4] to ARGV[6]: a topic, `add` or `remove`, how many topics there may be.
const Script& change_script() {
    static const Script script(std::string(kMeant) + R"(
if not meant() then return {0, redis.call('HGETALL', KEYS[1])} end
local adding, had, topics = ARGV[5] == 'add', false, {}
for topic in string.gmatch(redis.call('HGET', KEYS[1], 'channels') or '', '[^,]+') do
    had = had or topic == ARGV[4]
    if adding or topic ~= ARGV[4] then topics[#topics + 1] = topic end
end
local changed = had ~= adding and (had or #topics < tonumber(ARGV[6]))
if changed and adding then topics[#topics + 1] = ARGV[4] end
if changed and #topics > 0 then redis.call('HSET', KEYS[1], 'channels', table.concat(topics, ',')) end
if changed and #topics == 0 then redis.call('HDEL', KEYS[1], 'channels') end
return {changed and 1 or 0, redis.call('HGETALL', KEYS[1])}
)");
    return script;
}

std::string_view kind_of(const ClaimTarget& target) {
    switch (target.kind) {
        case ClaimTarget::Kind::user:
            return "user";
        case ClaimTarget::Kind::session:
            return "session";
        default:
            return "topic";
    }
}

RedisClaims::Answer<Reply> to_outcome(std::string id, RedisClaims::Answer<RedisClaims::Outcome> answer) {
    return [id = std::move(id), answer = std::move(answer)](Result<Reply> reply) mutable {
        if (!reply) return answer(std::move(reply).error());
        answer(
            RedisClaims::Outcome{(*reply)[0].integer() == 1, StoredClaim::read(std::move(id), (*reply)[1].elements())});
    };
}

}  // namespace

// -- one claim -------------------------------------------------------------------------------------------------------

void RedisClaims::create(const Claim& claim, Answer<bool> answer) {
    const std::string end = std::to_string(claim.expires_at.time_since_epoch().count());
    const auto hash = hash_of(claim);
    Words arguments{end};
    arguments.insert(arguments.end(), hash.begin(), hash.end());
    run(create_script(), claim.id, arguments, [answer = std::move(answer)](Result<Reply> reply) mutable {
        if (!reply) return answer(std::move(reply).error());
        answer(reply->integer() == 1);
    });
}

void RedisClaims::read(const std::string& id, Answer<std::optional<StoredClaim>> answer) {
    command({"HGETALL", claim_key(id)}, [id, answer = std::move(answer)](Result<Reply> reply) mutable {
        if (!reply) return answer(std::move(reply).error());
        answer(StoredClaim::read(std::move(id), reply->elements()));
    });
}

void RedisClaims::take(const std::string& id, const ClaimTarget* target, Answer<Outcome> answer) {
    Words arguments{"any"};
    if (target) arguments = {kind_of(*target), target->name, target->session};
    run(take_script(), id, arguments, to_outcome(id, std::move(answer)));
}

void RedisClaims::change_topic(const std::string& id, const ClaimTarget& target, const std::string& topic,
                               TopicChange change, std::size_t max_topics, Answer<Outcome> answer) {
    const std::string most = std::to_string(max_topics);
    run(change_script(), id,
        {kind_of(target), target.name, target.session, topic, change == TopicChange::add ? "add" : "remove", most},
        to_outcome(id, std::move(answer)));
}

// -- sets of claims --------------------------------------------------------------------------------------------------

void RedisClaims::list_in(const std::string& id, const std::vector<std::string>& keys, Answer<void> answer) {
    change_sets("SADD", id, keys, std::move(answer));
}

void RedisClaims::unlist(const std::string& id, std::vector<std::string> keys, UniqueFunction<void()> done) {
    change_sets("SREM", id, keys, [this, id, keys, done = std::move(done)](Result<>) mutable {
        done();
        read(id, [this, id, keys = std::move(keys)](Result<std::optional<StoredClaim>> stored) mutable {
            if (!stored || !stored.value()) return;
            const auto belongs = index_keys(stored.value()->claim);
            std::erase_if(keys, [&](const std::string& key) {
                return std::find(belongs.begin(), belongs.end(), key) == belongs.end();
            });
            list_in(id, keys, [](Result<>) {});
        });
    });
}

/// The same command for each of the sets, which may be on different nodes; answered when all are, with the first error.
void RedisClaims::change_sets(std::string_view name, const std::string& id, const std::vector<std::string>& keys,
                              Answer<void> answer) {
    struct Gathering {
        std::size_t waiting;
        Answer<void> answer;
        Result<> result{};
    };
    if (keys.empty()) return answer({});
    const auto gathering = std::make_shared<Gathering>(Gathering{keys.size(), std::move(answer)});
    for (const auto& key : keys) {
        command({name, key, id}, [gathering](Result<Reply> reply) {
            if (!reply && gathering->result) gathering->result = std::move(reply).error();
            if (--gathering->waiting == 0) gathering->answer(std::move(gathering->result));
        });
    }
}

void RedisClaims::tidy(const std::vector<std::string>& keys) {
    for (const auto& key : keys) {
        command({"SRANDMEMBER", key, kDrawn}, [this, key](Result<Reply> drawn) {
            if (!drawn) return;
            for (const auto& id : drawn->elements()) unlist_if_gone(std::string(id.text()), key);
        });
    }
}

void RedisClaims::unlist_if_gone(const std::string& id, const std::string& key) {
    command({"EXISTS", claim_key(id)}, [this, id, key](Result<Reply> found) {
        if (found && found->integer() == 0) unlist(id, {key}, [] {});
    });
}

/// Goes on by itself, from answer to answer.
class RedisClaims::Scan : public std::enable_shared_from_this<Scan> {
public:
    using Visit = UniqueFunction<void(std::string, Answer<void>)>;

    Scan(std::string key, Visit visit, Answer<void> finished)
        : key_(std::move(key)), visit_(std::move(visit)), finished_(std::move(finished)) {}

    void next(RedisClaims& claims) {
        claims.command({"SSCAN", key_, cursor_, "COUNT", "256"},
                       [&claims, self = shared_from_this()](Result<Reply> reply) {
                           if (!reply) return self->finished_(std::move(reply).error());
                           self->cursor_ = (*reply)[0].text();
                           self->visit_all(claims, (*reply)[1].elements());
                       });
    }

private:
    void visit_all(RedisClaims& claims, std::span<const Reply> ids) {
        waiting_ = ids.size() + 1;
        const auto visited = [&claims, self = shared_from_this()](Result<> result) {
            if (!result && self->result_) self->result_ = std::move(result);
            if (--self->waiting_ > 0) return;
            if (!self->result_ || self->cursor_ == "0") return self->finished_(std::move(self->result_));
            self->next(claims);
        };
        for (const auto& id : ids) visit_(std::string(id.text()), visited);
        visited({});
    }

    const std::string key_;
    Visit visit_;
    Answer<void> finished_;
    std::string cursor_ = "0";
    std::size_t waiting_ = 0;
    Result<> result_{};
};

void RedisClaims::scan(std::string key, UniqueFunction<void(std::string, Answer<void>)> visit, Answer<void> finished) {
    std::make_shared<Scan>(std::move(key), std::move(visit), std::move(finished))->next(*this);
}

// -- the client ------------------------------------------------------------------------------------------------------

/// An answer that comes after this has been destroyed goes nowhere: what it would use is gone, too.
template <class Use>
redis::Client::Callback RedisClaims::guarded(Use use) {
    return [weak = weak_from_this(), use = std::move(use)](Result<Reply> reply) mutable {
        if (const auto self = weak.lock()) use(std::move(reply));
    };
}

void RedisClaims::command(const Words& words, Answer<Reply> answer) {
    client_->command(words, {.repeatable = true}, guarded(std::move(answer)));
}

void RedisClaims::run(const Script& script, const std::string& id, const Words& arguments, Answer<Reply> answer) {
    const std::string key = claim_key(id);
    const Words keys{key};
    client_->run(script, keys, arguments, {}, guarded(std::move(answer)));
}

}  // namespace cryo::auth
