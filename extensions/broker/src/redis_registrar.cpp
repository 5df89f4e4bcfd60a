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
const redis::Script& write_hash() {
    static const redis::Script script(
        "redis.call('HSET', KEYS[1], unpack(ARGV, 2)) "
        "return redis.call('PEXPIRE', KEYS[1], ARGV[1])");
    return script;
}

/// KEYS: a hash. ARGV: a field and a value, written only if the hash is there.
const redis::Script& change_hash() {
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
    explicit Step(Done done) : done_(std::move(done)) {}
    ~Step() { done_(ok_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

    void fail() noexcept { ok_ = false; }
    bool ok() const noexcept { return ok_; }

private:
    Done done_;
    bool ok_ = true;
};

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
    client_->command({"DEL", keys::worker(settings_.worker)}, {.repeatable = true},
                     [done = std::move(done)](const Result<redis::Reply>&) mutable { done(); });
}

std::string RedisRegistrar::lifetime() const { return std::to_string(2 * settings_.ttl.count()); }

void RedisRegistrar::command(std::initializer_list<std::string_view> words, const std::shared_ptr<Step>& step) {
    client_->command(words, {.repeatable = true}, [step](const Result<redis::Reply>& reply) {
        if (!reply) step->fail();
    });
}

void RedisRegistrar::write_worker() {
    const auto key = keys::worker(settings_.worker);
    const auto now = now_text();
    const auto life = lifetime();
    std::vector<std::string_view> words{life, keys::kLastPing, now, keys::kConfirms, "1"};
    if (!settings_.address.empty()) words.insert(words.end(), {keys::kAddress, settings_.address});
    const std::string_view key_view = key;
    client_->run(write_hash(), {&key_view, 1}, words, {.repeatable = true}, [](const Result<redis::Reply>&) {});
}

// -- members ---------------------------------------------------------------------------------------------------------

/// The hash before the sets: who finds an id in a set and no hash takes it out.
void RedisRegistrar::add(const MemberPtr& member, Done done) {
    if (stopped_) return done(false);
    if (patience_ && patience_->armed()) return waiting_.push_back({member, std::move(done)});
    const auto is_away = [this] { return client_->health() == redis::Health::away; };
    if (is_away()) return done(true);  // it is written when Redis is back
    auto joined = std::make_shared<Step>([is_away, done = std::move(done)](bool ok) mutable { done(ok || is_away()); });
    auto written = std::make_shared<Step>([this, member, joined](bool ok) {
        if (!ok) return joined->fail();
        if (!member->ended) join_sets(member, joined);
    });
    write_member(member, written);
}

void RedisRegistrar::write_member(const MemberPtr& member, const std::shared_ptr<Step>& step) {
    const auto key = keys::connection(member->id);
    const auto life = lifetime();
    const auto last_ping = format_time(member->last_ping);
    const auto channels = join_list(member->channels);
    std::vector<std::string_view> words{life,          keys::kUser,      member->user,
                                        keys::kWorker, settings_.worker, keys::kLastPing,
                                        last_ping,     keys::kChannels,  channels};
    if (!member->session.empty()) words.insert(words.end(), {keys::kSession, member->session});
    const std::string_view key_view = key;
    client_->run(write_hash(), {&key_view, 1}, words, {.repeatable = true}, [step](const Result<redis::Reply>& reply) {
        if (!reply) step->fail();
    });
}

void RedisRegistrar::join_sets(const MemberPtr& member, const std::shared_ptr<Step>& step) {
    if (!member->user.empty()) command({"SADD", keys::user(member->user), member->id}, step);
    if (!member->session.empty()) command({"SADD", keys::session(member->user, member->session), member->id}, step);
    for (const auto& channel : member->channels) command({"SADD", keys::channel(channel), member->id}, step);
}

void RedisRegistrar::subscribed(const MemberPtr& member, const std::string& channel, Done done) {
    if (stopped_) return done(false);
    const auto step = std::make_shared<Step>(std::move(done));
    write_channels(member, step);
    command({"SADD", keys::channel(channel), member->id}, step);
}

void RedisRegistrar::unsubscribed(const MemberPtr& member, const std::string& channel, Done done) {
    if (stopped_) return done(false);
    const auto step = std::make_shared<Step>(std::move(done));
    write_channels(member, step);
    command({"SREM", keys::channel(channel), member->id}, step);
}

/// A member that has left meanwhile must not come back as a hash without an end.
void RedisRegistrar::write_channels(const MemberPtr& member, const std::shared_ptr<Step>& step) {
    client_->run(change_hash(), {keys::connection(member->id)}, {keys::kChannels, join_list(member->channels)},
                 {.repeatable = true}, [step](const Result<redis::Reply>& reply) {
                     if (!reply) step->fail();
                 });
}

void RedisRegistrar::remove(const MemberPtr& member, Done done) {
    if (stopped_) return done(false);
    erase({member->id, member->user, member->session, member->channels}, std::move(done));
}

/// What cannot be deleted now is deleted with a later refresh, and ends by itself if that does not work either.
void RedisRegistrar::erase(Leftover member, Done done) {
    auto step = std::make_shared<Step>([this, member, done = std::move(done)](bool ok) mutable {
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
    auto batch_done = std::make_shared<Step>([this](bool ok) {
        if (!ok) to_refresh_.clear();  // Redis is away: everything again when it is back
        refresh_some();
    });
    for (std::size_t i = 0; i < kRefreshBatch && !to_refresh_.empty(); ++i) {
        const auto member = std::move(to_refresh_.back());
        to_refresh_.pop_back();
        if (member->ended) continue;
        auto written = std::make_shared<Step>([this, member, batch_done](bool ok) {
            if (!ok) return batch_done->fail();
            if (!member->ended) join_sets(member, batch_done);
        });
        write_member(member, written);
    }
}

}  // namespace cryo::broker
