#include "redis_registrar.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "redis_keys.h"
#include "text.h"
#include "time_text.h"

namespace cryo::broker {
namespace {

constexpr std::size_t kRefreshBatch = 256;
constexpr std::size_t kMaxLeftovers = 10'000;
constexpr std::size_t kLeftoversAtOnce = 1'000;
constexpr std::chrono::milliseconds kPatience{3'000};

/// KEYS: a hash. ARGV: its lifetime in milliseconds, then fields and values. In one step, so that none is left without
/// an end.
const redis::Script& hash_script() {
    static const redis::Script script(
        "redis.call('HSET', KEYS[1], unpack(ARGV, 2)) "
        "return redis.call('PEXPIRE', KEYS[1], ARGV[1])");
    return script;
}

/// KEYS: a set. ARGV: its lifetime in milliseconds, and a member.
const redis::Script& join_script() {
    static const redis::Script script(
        "redis.call('SADD', KEYS[1], ARGV[2]) "
        "return redis.call('PEXPIRE', KEYS[1], ARGV[1])");
    return script;
}

/// KEYS: a hash. ARGV: a field and a value, written only if the hash is there.
const redis::Script& change_script() {
    static const redis::Script script(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1");
    return script;
}

std::string now_text() {
    return format_time(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

}  // namespace

class RedisRegistrar::Step {
public:
    Step(RedisRegistrar& registrar, Done done) : registrar_(registrar), done_(std::move(done)) {
        ++registrar_.under_way_;
    }
    ~Step() {
        done_(ok_);
        registrar_.note_end_of_step();
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

    void fail() noexcept { ok_ = false; }

    /// What Redis answers: an error is this step's failure.
    static redis::Client::Callback part_of(std::shared_ptr<Step> step) {
        return [step = std::move(step)](const Result<redis::Reply>& reply) {
            if (!reply) step->fail();
        };
    }

private:
    RedisRegistrar& registrar_;
    Done done_;
    bool ok_ = true;
};

RedisRegistrar::StepPtr RedisRegistrar::begin(Done done) { return std::make_shared<Step>(*this, std::move(done)); }

void RedisRegistrar::note_end_of_step() {
    if (--under_way_ == 0 && when_idle_) std::exchange(when_idle_, {})();
}

RedisRegistrar::RedisRegistrar(std::shared_ptr<redis::Client> client, std::shared_ptr<const Roster> roster,
                               Settings settings)
    : client_(std::move(client)), roster_(std::move(roster)), settings_(std::move(settings)) {}

RedisRegistrar::~RedisRegistrar() = default;

void RedisRegistrar::start() {
    health_ = client_->watch_health([this](redis::Health health) { on_health(health); });
    timer_ = client_->loop()->make_timer([this] {
        timer_->start(settings_.ttl);
        refresh();
    });
    timer_->start(settings_.ttl);
    patience_ = client_->loop()->make_timer([this] { open(); });
    patience_->start(kPatience);
    write_worker();
}

void RedisRegistrar::open() {
    if (patience_) patience_->cancel();
    for (auto& [member, done] : std::exchange(waiting_, {})) add(member, std::move(done));
}

void RedisRegistrar::stop(UniqueFunction<void()> done) {
    if (std::exchange(stopped_, true)) return done();
    timer_.reset();
    patience_.reset();
    for (auto& waiting : std::exchange(waiting_, {})) waiting.done(false);
    health_.reset();
    // Not only for the worker's key: what members leave behind may be on other nodes.
    when_idle_ = std::move(done);
    erase_worker();
}

std::string RedisRegistrar::lifetime() const { return std::to_string(2 * settings_.ttl.count()); }

void RedisRegistrar::command(std::initializer_list<std::string_view> words, const StepPtr& step) {
    client_->command(words, {.repeatable = true}, Step::part_of(step));
}

void RedisRegistrar::write_worker() {
    const auto key = keys::worker(settings_.worker);
    const auto now = now_text();
    const auto life = lifetime();
    std::vector<std::string_view> words{life, keys::kLastPing, now, keys::kConfirms, "1"};
    if (!settings_.address.empty()) words.insert(words.end(), {keys::kAddress, settings_.address});
    const std::string_view key_view = key;
    client_->run(hash_script(), {&key_view, 1}, words, {.repeatable = true}, Step::part_of(begin([this](bool ok) {
                     if (ok && stopped_) erase_worker();  // as in `write`
                 })));
}

void RedisRegistrar::erase_worker() {
    command({"DEL", keys::worker(settings_.worker)}, begin([](bool) {}));
}

// -- members ---------------------------------------------------------------------------------------------------------

void RedisRegistrar::add(const MemberPtr& member, Done done) {
    if (stopped_) return done(false);
    if (patience_ && patience_->armed()) return waiting_.push_back({member, std::move(done)});
    const auto is_away = [this] { return client_->health() == redis::Health::away; };
    if (is_away()) return done(true);  // it is written when Redis is back
    write(member, [is_away, done = std::move(done)](bool ok) mutable { done(ok || is_away()); });
}

/// The hash before the sets: who finds an id in a set and no hash takes it out.
void RedisRegistrar::write(const MemberPtr& member, Done done) {
    const auto joined = begin([this, member, done = std::move(done)](bool ok) mutable {
        // It left meanwhile: a script that Redis did not know comes after the commands that deleted what it writes.
        if (member->ended) erase(leftover_of(*member), [](bool) {});
        done(ok);
    });
    write_hash(*member, begin([this, member, joined](bool ok) {
        if (!ok) return joined->fail();
        if (!member->ended) join_sets(*member, joined);
    }));
}

void RedisRegistrar::write_hash(const Member& member, const StepPtr& step) {
    const auto key = keys::connection(member.id);
    const auto life = lifetime();
    const auto last_ping = format_time(member.last_ping);
    const auto channels = join_list(member.channels);
    std::vector<std::string_view> words{life,          keys::kUser,      member.user,
                                        keys::kWorker, settings_.worker, keys::kLastPing,
                                        last_ping,     keys::kChannels,  channels};
    if (!member.session.empty()) words.insert(words.end(), {keys::kSession, member.session});
    const std::string_view key_view = key;
    client_->run(hash_script(), {&key_view, 1}, words, {.repeatable = true}, Step::part_of(step));
}

/// The set of a session ends by itself: nobody reads it, so that nobody would clean it after a worker that was killed.
void RedisRegistrar::join_sets(const Member& member, const StepPtr& step) {
    if (!member.user.empty()) command({"SADD", keys::user(member.user), member.id}, step);
    if (!member.session.empty()) {
        client_->run(join_script(), {keys::session(member.user, member.session)}, {lifetime(), member.id},
                     {.repeatable = true}, Step::part_of(step));
    }
    for (const auto& channel : member.channels) command({"SADD", keys::channel(channel), member.id}, step);
}

void RedisRegistrar::subscribed(const MemberPtr& member, const std::string& channel, Done done) {
    if (stopped_) return done(false);
    const auto step = begin(std::move(done));
    write_channels(*member, step);
    command({"SADD", keys::channel(channel), member->id}, step);
}

void RedisRegistrar::unsubscribed(const MemberPtr& member, const std::string& channel, Done done) {
    if (stopped_) return done(false);
    const auto step = begin(std::move(done));
    write_channels(*member, step);
    command({"SREM", keys::channel(channel), member->id}, step);
}

/// A member that has left meanwhile must not come back as a hash without an end.
void RedisRegistrar::write_channels(const Member& member, const StepPtr& step) {
    client_->run(change_script(), {keys::connection(member.id)}, {keys::kChannels, join_list(member.channels)},
                 {.repeatable = true}, Step::part_of(step));
}

void RedisRegistrar::remove(const MemberPtr& member, Done done) {
    if (stopped_) return done(false);
    erase(leftover_of(*member), std::move(done));
}

RedisRegistrar::Leftover RedisRegistrar::leftover_of(const Member& member) {
    return {member.id, member.user, member.session, member.channels};
}

/// What cannot be deleted now is deleted with a later refresh, and ends by itself if that does not work either.
void RedisRegistrar::erase(Leftover member, Done done) {
    const auto step = begin([this, member, done = std::move(done)](bool ok) mutable {
        if (!ok && leftovers_.size() < kMaxLeftovers) leftovers_.push_back(std::move(member));
        done(ok);
    });
    command({"DEL", keys::connection(member.id)}, step);
    if (!member.user.empty()) command({"SREM", keys::user(member.user), member.id}, step);
    if (!member.session.empty()) command({"SREM", keys::session(member.user, member.session), member.id}, step);
    for (const auto& channel : member.channels) command({"SREM", keys::channel(channel), member.id}, step);
}

// -- refreshing ------------------------------------------------------------------------------------------------------

void RedisRegistrar::on_health(redis::Health health) {
    if (health == redis::Health::ready) refresh();
}

void RedisRegistrar::refresh() {
    write_worker();
    for (std::size_t count = std::min(leftovers_.size(), kLeftoversAtOnce); count > 0; --count) {
        erase(std::exchange(leftovers_.front(), {}), [](bool) {});
        leftovers_.pop_front();
    }
    to_refresh_ = roster_->all();
    if (!refreshing_) refresh_some();
}

/// The next ones when these are done, so that Redis and the client's queue serve others in between.
void RedisRegistrar::refresh_some() {
    refreshing_ = !to_refresh_.empty() && !stopped_;
    if (!refreshing_) return;
    const auto batch = begin([this](bool ok) {
        if (!ok) to_refresh_.clear();  // Redis is away: everything again when it is back
        refresh_some();
    });
    for (std::size_t i = 0; i < kRefreshBatch && !to_refresh_.empty(); ++i) {
        const auto member = std::move(to_refresh_.back());
        to_refresh_.pop_back();
        if (member->ended) continue;
        write(member, [batch](bool ok) {
            if (!ok) batch->fail();
        });
    }
}

}  // namespace cryo::broker
