#include "redis_directory.h"

#include <algorithm>
#include <set>
#include <utility>

#include "redis_keys.h"
#include "text.h"
#include "time_text.h"

namespace cryo::broker {
namespace {

constexpr std::chrono::milliseconds kGeneration{10'000};
constexpr std::size_t kMaxPlaces = 200'000;  // in each of two generations
constexpr std::size_t kMaxWorkers = 4'096;
constexpr std::size_t kMaxUnderWay = 512;                                           // commands of one operation
constexpr std::size_t kMaxCallers = 10'000;                                         // that wait for their workers
constexpr std::chrono::sys_seconds kNoTime{std::chrono::seconds{-62'135'596'800}};  // year 1: what dSock says

/// The set with the ids of a target's connections.
std::string set_of(const Target& target, bool user_first) {
    const bool by_user = target.channel.empty() || (user_first && !target.user.empty());
    return by_user ? keys::user(target.user) : keys::channel(target.channel);
}

/// Whether a connection is of the session asked for. A user's set is shared with nobody, a look at the name costs
/// nothing.
bool fits(const Target& target, bool by_user, std::string_view user, std::string_view session) {
    return (!by_user || user == target.user) && (target.session.empty() || session == target.session);
}

std::string field(const redis::Reply& hash, std::string_view name) {
    const auto words = hash.elements();
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        if (words[i].text() == name) return std::string(words[i + 1].text());
    }
    return {};
}

/// Ids that are asked about, not all at once: the client's queue is for others too.
struct Walk {
    std::vector<std::string> ids{};
    std::size_t next = 0;
    std::size_t under_way = 0;

    const std::string* take() { return under_way < kMaxUnderWay && next < ids.size() ? &ids[next++] : nullptr; }
    void end() noexcept { next = ids.size(); }
};

Error was_stopped() { return {Errc::unavailable, "the broker does not run any more"}; }

}  // namespace

/// The connections of a target on their way from Redis.
struct RedisDirectory::Search {
    Search(RedisDirectory& owner, Done<std::vector<WorkerRoute>> handler, Target its_target)
        : directory(owner), done(std::move(handler)), target(std::move(its_target)) {}
    ~Search() { directory.finish(*this); }

    RedisDirectory& directory;
    Done<std::vector<WorkerRoute>> done;
    Target target;
    std::string set{};  ///< Empty: of one connection.
    bool by_user = false;
    Walk walk{};
    std::set<std::string> workers{};
    std::vector<std::string> stale{};
    std::optional<Error> error{};

    void meet(const Place& place) {
        if (set.empty() || fits(target, by_user, place.user, place.session)) workers.insert(place.worker);
    }
};

struct RedisDirectory::Listing {
    Listing(RedisDirectory& owner, Done<std::vector<ConnectionInfo>> handler, Target its_target)
        : directory(owner), done(std::move(handler)), target(std::move(its_target)) {}
    ~Listing() {
        directory.take_out(set, std::move(stale));
        if (error) {
            done(std::move(*error));
        } else {
            done(std::move(found));
        }
    }

    RedisDirectory& directory;
    Done<std::vector<ConnectionInfo>> done;
    void take(const std::string& id, const redis::Reply& hash) {
        ConnectionInfo info{.id = id,
                            .worker = field(hash, keys::kWorker),
                            .last_ping = parse_time(field(hash, keys::kLastPing)).value_or(kNoTime),
                            .user = field(hash, keys::kUser),
                            .session = field(hash, keys::kSession),
                            .channels = split_list(field(hash, keys::kChannels))};
        if (info.worker.empty()) return stale.push_back(id);
        if (set.empty() || fits(target, !target.user.empty(), info.user, info.session))
            found.push_back(std::move(info));
    }

    Target target;
    std::string set{};  ///< Empty: of one connection.
    Walk walk{};
    std::vector<ConnectionInfo> found{};
    std::vector<std::string> stale{};
    std::optional<Error> error{};
};

struct RedisDirectory::Routes {
    explicit Routes(Done<std::vector<WorkerRoute>> handler) : done(std::move(handler)) {}
    ~Routes() {
        if (error) {
            done(std::move(*error));
        } else {
            done(std::move(found));
        }
    }

    Done<std::vector<WorkerRoute>> done;
    std::vector<WorkerRoute> found{};
    std::optional<Error> error{};
};

RedisDirectory::RedisDirectory(std::shared_ptr<redis::Client> client)
    : client_(std::move(client)),
      searches_([this](const Target& target, Done<std::vector<WorkerRoute>> done) { search(target, std::move(done)); },
                kMaxCallers),
      timer_(client_->loop()->make_timer([this] { forget_old(); })) {
    timer_->start(kGeneration);
}

RedisDirectory::~RedisDirectory() = default;

// -- workers ---------------------------------------------------------------------------------------------------------

void RedisDirectory::find(Target target, Done<std::vector<WorkerRoute>> done) {
    searches_.ask(target, std::move(done));
}

void RedisDirectory::search(const Target& target, Done<std::vector<WorkerRoute>> done) {
    if (stopped()) return done(was_stopped());
    auto search = std::make_shared<Search>(*this, std::move(done), target);
    if (!search->target.id.empty()) {
        search->walk.ids = {search->target.id};
        return place_some(search);
    }
    search->set = set_of(search->target, false);
    search->by_user = search->target.channel.empty();
    members_of(search->set, [this, search](Result<std::vector<std::string>> ids) {
        if (!ids) {
            search->error = std::move(ids).error();
            return;
        }
        search->walk.ids = std::move(*ids);
        place_some(search);
    });
}

void RedisDirectory::place_some(const SearchPtr& search) {
    while (const auto* id = search->walk.take()) {
        if (const auto* place = known(*id)) {
            search->meet(*place);
        } else {
            ++search->walk.under_way;
            this->place(*id, search);
        }
    }
}

void RedisDirectory::members_of(const std::string& key, Done<std::vector<std::string>> done) {
    client_->command({"SMEMBERS", key}, {.repeatable = true},
                     [done = std::move(done)](Result<redis::Reply> reply) mutable {
                         if (!reply) return done(std::move(reply).error());
                         std::vector<std::string> ids;
                         ids.reserve(reply->elements().size());
                         for (const auto& id : reply->elements()) ids.emplace_back(id.text());
                         done(std::move(ids));
                     });
}

void RedisDirectory::place(const std::string& id, const SearchPtr& search) {
    client_->command({"HMGET", keys::connection(id), keys::kWorker, keys::kUser, keys::kSession}, {.repeatable = true},
                     [this, id, search](Result<redis::Reply> reply) {
                         --search->walk.under_way;
                         if (!reply) {
                             search->error = std::move(reply).error();
                             return search->walk.end();
                         }
                         Place place{std::string((*reply)[0].text()), std::string((*reply)[1].text()),
                                     std::string((*reply)[2].text())};
                         if (place.worker.empty()) {
                             search->stale.push_back(id);
                         } else {
                             search->meet(place);
                             remember(id, std::move(place));
                         }
                         place_some(search);
                     });
}

void RedisDirectory::finish(Search& search) {
    take_out(search.set, std::move(search.stale));
    if (search.error) return search.done(std::move(*search.error));
    route({search.workers.begin(), search.workers.end()}, std::move(search.done));
}

/// How each worker is reached. What a worker says of itself does not change; one that has no key is passed on as it is:
/// dSock's messages go to it all the same.
void RedisDirectory::route(std::vector<std::string> workers, Done<std::vector<WorkerRoute>> done) {
    if (stopped()) return done(was_stopped());
    const auto routes = std::make_shared<Routes>(std::move(done));
    for (auto& id : workers) {
        if (const auto found = workers_.find(id); found != workers_.end()) {
            routes->found.push_back(found->second);
            continue;
        }
        client_->command({"HMGET", keys::worker(id), keys::kAddress, keys::kConfirms}, {.repeatable = true},
                         [this, id, routes](Result<redis::Reply> reply) {
                             if (!reply) {
                                 routes->error = std::move(reply).error();
                                 return;
                             }
                             WorkerRoute route{id, std::string((*reply)[0].text()), (*reply)[1].text() == "1"};
                             if (route.confirms && workers_.size() < kMaxWorkers) workers_.emplace(id, route);
                             routes->found.push_back(std::move(route));
                         });
    }
}

// -- connections -----------------------------------------------------------------------------------------------------

void RedisDirectory::list(Target target, Done<std::vector<ConnectionInfo>> done) {
    if (stopped()) return done(was_stopped());
    if (target.user.empty()) target.session.clear();
    auto listing = std::make_shared<Listing>(*this, std::move(done), std::move(target));
    if (!listing->target.id.empty()) {
        listing->walk.ids = {listing->target.id};
        return describe_some(listing);
    }
    listing->set = set_of(listing->target, true);
    members_of(listing->set, [this, listing](Result<std::vector<std::string>> ids) {
        if (!ids) {
            listing->error = std::move(ids).error();
            return;
        }
        listing->walk.ids = std::move(*ids);
        describe_some(listing);
    });
}

void RedisDirectory::describe_some(const std::shared_ptr<Listing>& listing) {
    while (const auto* id = listing->walk.take()) {
        ++listing->walk.under_way;
        client_->command({"HGETALL", keys::connection(*id)}, {.repeatable = true},
                         [this, id = *id, listing](Result<redis::Reply> reply) {
                             --listing->walk.under_way;
                             if (!reply) {
                                 listing->error = std::move(reply).error();
                                 return listing->walk.end();
                             }
                             listing->take(id, *reply);
                             describe_some(listing);
                         });
    }
}

void RedisDirectory::take_out(const std::string& set, std::vector<std::string> ids) {
    if (set.empty() || ids.empty() || stopped()) return;
    ids.resize(std::min(ids.size(), kMaxUnderWay));
    std::vector<std::string_view> words{"SREM", set};
    words.insert(words.end(), ids.begin(), ids.end());
    client_->command(words, {}, [this, set, ids](const Result<redis::Reply>& taken) {
        if (!taken && taken.error().code != Errc::outcome_unknown) return;
        for (const auto& id : ids) put_back_if_there(set, id);
    });
}

/// Redis may have lost the hash only, as when the node of a cluster that had it starts empty, and its worker writes it
/// again and joins the set, in this order. If that was after the hash was missed and before the id was taken out, there
/// is a hash now.
void RedisDirectory::put_back_if_there(const std::string& set, const std::string& id) {
    client_->command({"EXISTS", keys::connection(id)}, {}, [this, set, id](const Result<redis::Reply>& found) {
        if (found && found.value().integer() == 1) client_->command({"SADD", set, id}, {}, {});
    });
}

// -- memory ----------------------------------------------------------------------------------------------------------

const RedisDirectory::Place* RedisDirectory::known(const std::string& id) const {
    if (const auto found = places_.find(id); found != places_.end()) return &found->second;
    const auto found = older_places_.find(id);
    return found == older_places_.end() ? nullptr : &found->second;
}

void RedisDirectory::remember(const std::string& id, Place place) {
    if (places_.size() >= kMaxPlaces) forget_old();
    places_.insert_or_assign(id, std::move(place));
}

/// What was remembered for a while is asked for again: its connection may have gone with its worker.
void RedisDirectory::forget_old() {
    older_places_ = std::exchange(places_, {});
    workers_.clear();
    timer_->start(kGeneration);
}

}  // namespace cryo::broker
