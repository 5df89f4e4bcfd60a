#include "worker.h"

#include <algorithm>
#include <any>
#include <utility>

#include <cryo/session_id.h>

#include "log.h"
#include "utf8.h"

namespace cryo::broker {
namespace {

using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::system_clock;

hub::Target audience_of(const Target& target) {
    if (!target.id.empty()) return hub::Target::connection(target.id);
    auto named = target.channel.empty() ? hub::Target::user(target.user) : hub::Target::topic(target.channel);
    named.only_session = target.session;
    return named;
}

hub::Audience audience_of(const std::vector<MemberPtr>& members) {
    hub::Audience audience;
    audience.to.reserve(members.size());
    for (const auto& member : members) audience.to.push_back(hub::Target::connection(member->id));
    return audience;
}

ConnectionInfo describe(const Member& member, const std::string& worker) {
    return {member.id, worker, member.last_ping, member.user, member.session, member.channels};
}

Worker::SeatPtr seat_of(Connection& connection) {
    const auto* seat = std::any_cast<Worker::SeatPtr>(&connection.user_data());
    return seat ? *seat : nullptr;
}

/// The effects of one operation's parts; told when the last of them is done.
struct Tally {
    Tally(EffectHandler handler, std::size_t count) : done(std::move(handler)), connections(count) {}
    ~Tally() { done(Effect{connections, complete}); }
    Tally(const Tally&) = delete;
    Tally& operator=(const Tally&) = delete;

    EffectHandler done;
    std::size_t connections;
    std::atomic<bool> complete = true;
};

/// What the registrar could not write is not in effect for others.
IRegistrar::Done note_in(std::shared_ptr<Tally> tally) {
    return [tally = std::move(tally)](bool written) {
        if (!written) tally->complete = false;
    };
}

}  // namespace

void Worker::accept(Parcel parcel, EffectHandler done) {
    if (const auto* message = parcel.message()) {
        if (message->type != wire::Message::Type::disconnect) return send(*message, std::move(done));
    }
    run_on(*parts_.home, [self = shared_from_this(), parcel = std::move(parcel), done = std::move(done)]() mutable {
        if (const auto* message = parcel.message()) {
            self->disconnect(self->roster_.find(message->target), std::move(done));
        } else {
            self->change(*parcel.action(), std::move(done));
        }
    });
}

void Worker::send(const wire::Message& message, EffectHandler done) {
    // Of API processes that do not look; clients would close on text that is not UTF-8.
    const bool is_text = message.type == wire::Message::Type::text;
    if (is_text && !is_utf8(message.body)) {
        count(parts_.counters->refused_parcels);
        log(parts_.logger, LogLevel::warning, "refused: a message of type text that is not UTF-8");
        return done(Effect{});
    }
    if (message.target.names_nobody()) return done(Effect{});
    auto prepared = is_text ? PreparedMessage::text(message.body) : PreparedMessage::binary(as_bytes(message.body));
    parts_.hub->publish(
        audience_of(message.target), std::move(prepared),
        [done = std::move(done)](hub::Outcome outcome) mutable {
            done(Effect{outcome.receivers, outcome.complete});
        },
        hub::Scope::node);
}

/// They are gone from here at once, however long a slow client takes to read its farewell.
void Worker::disconnect(const std::vector<MemberPtr>& members, EffectHandler done) {
    const auto tally = std::make_shared<Tally>(std::move(done), members.size());
    if (members.empty()) return;
    for (const auto& member : members) {
        member->ended = true;
        roster_.remove(member);
        parts_.registrar->remove(member, note_in(tally));
    }
    parts_.hub->disconnect(
        audience_of(members), 1000, {}, [tally](hub::Outcome) {}, hub::Scope::node);
    for (const auto& member : members) member->subscriber->detach();
    note_departure();
}

void Worker::close_all() {
    closed_ = true;
    disconnect(roster_.all(), [](const Result<Effect>&) {});
}

void Worker::note_departure() {
    parts_.counters->connections = roster_.size();
    if (when_empty_ && roster_.size() == 0) std::exchange(when_empty_, {})();
}

void Worker::change(const wire::ChannelAction& action, EffectHandler done) {
    change(roster_.find(action.target), action.channel, action.type == wire::ChannelAction::Type::subscribe,
           std::move(done));
}

void Worker::change(const std::vector<MemberPtr>& members, const std::string& channel, bool subscribe,
                    EffectHandler done) {
    const auto tally = std::make_shared<Tally>(std::move(done), members.size());
    // A comma separates channels where they are stored; dSock's API lets it pass.
    if (channel.find(',') != channel.npos) {
        tally->complete = false;
        return;
    }
    std::vector<MemberPtr> changed;
    for (const auto& member : members) {
        if (subscribe && member->channels.size() >= parts_.max_channels) {
            tally->complete = false;
        } else if (subscribe ? roster_.subscribe(member, channel) : roster_.unsubscribe(member, channel)) {
            changed.push_back(member);
        }
    }
    if (changed.empty()) return;
    parts_.hub->change(
        {audience_of(changed), {channel}, subscribe},
        [tally](hub::Outcome outcome) {
            if (!outcome.complete) tally->complete = false;
        },
        hub::Scope::node);
    for (const auto& member : changed) {
        if (subscribe) {
            parts_.registrar->subscribed(member, channel, note_in(tally));
        } else {
            parts_.registrar->unsubscribed(member, channel, note_in(tally));
        }
    }
}

std::vector<ConnectionInfo> Worker::list(const Target& target) const {
    std::vector<ConnectionInfo> listed;
    Target first = target;  // what `find` prefers is not what a list prefers
    if (!first.user.empty()) {
        first.channel.clear();
    } else {
        first.session.clear();
    }
    for (const auto& member : roster_.find(first)) listed.push_back(describe(*member, parts_.id));
    return listed;
}

Result<Worker::SeatPtr> Worker::reserve(std::string user, std::string session, std::vector<std::string> channels) {
    auto member = std::make_shared<Member>();
    member->id = SessionId::random().to_string();
    auto subscriber = parts_.hub->reserve({.id = member->id, .user = user, .session = session, .topics = channels});
    if (!subscriber) return std::move(subscriber).error();
    member->user = std::move(user);
    member->session = std::move(session);
    member->channels = std::move(channels);
    member->subscriber = std::move(*subscriber);
    member->last_ping = floor<seconds>(system_clock::now());
    return std::make_shared<Seat>(shared_from_this(), std::move(member));
}

void Worker::enter(const SeatPtr& seat, UniqueFunction<void(bool)> done) {
    run_on(*parts_.home, [seat, done = std::move(done)]() mutable {
        auto& self = *seat->worker;
        if (self.closed_) return done(false);
        self.roster_.add(seat->member);
        self.parts_.counters->connections = self.roster_.size();
        self.parts_.registrar->add(seat->member, std::move(done));
    });
}

void Worker::correct(const SeatPtr& seat, std::vector<std::string> entered_with, std::vector<std::string> channels,
                     UniqueFunction<void()> done) {
    run_on(*parts_.home,
           [seat, before = std::move(entered_with), after = std::move(channels), done = std::move(done)]() mutable {
               auto& self = *seat->worker;
               const auto end = std::make_shared<AtEnd>(std::move(done));
               if (seat->member->ended) return;
               for (const auto& channel : after) {
                   if (std::ranges::find(before, channel) != before.end()) continue;
                   self.change({seat->member}, channel, true, [end](const Result<Effect>&) {});
               }
               for (const auto& channel : before) {
                   if (std::ranges::find(after, channel) != after.end()) continue;
                   self.change({seat->member}, channel, false, [end](const Result<Effect>&) {});
               }
           });
}

void Worker::leave(const MemberPtr& member) {
    if (member->ended.exchange(true)) return;
    run_on(*parts_.home, [self = shared_from_this(), member] {
        if (!self->roster_.remove(member)) return;
        self->parts_.registrar->remove(member, [](bool) {});
        self->note_departure();
    });
}

void Worker::when_empty(UniqueFunction<void()> done) {
    if (roster_.size() == 0) return done();
    when_empty_ = std::move(done);
}

// -- on the connection's loop ----------------------------------------------------------------------------------------

void Worker::on_open(Connection& connection) {
    const auto seat = seat_of(connection);
    // Disconnected while it was let in: the hub had nobody to close yet.
    if (!seat || seat->member->ended) return connection.close(1000);
    if (!seat->member->subscriber->bind(connection)) return connection.close(1000);
    if (seat->member->ended) connection.close(1000);
    count(seat->worker->parts_.counters->admitted);
}

/// A peer that sends is not pinged: messages count as signs of life too.
void Worker::on_pong(Connection& connection) {
    if (const auto seat = seat_of(connection)) seat->member->last_ping = floor<seconds>(system_clock::now());
}

void Worker::on_message(Connection& connection, MessageKind kind, Bytes payload) {
    const auto seat = seat_of(connection);
    if (!seat) return;
    seat->member->last_ping = floor<seconds>(system_clock::now());
    count(seat->worker->parts_.counters->client_messages);
    if (!seat->worker->parts_.on_message) return;
    const auto& member = *seat->member;
    seat->worker->parts_.on_message({member.id, member.user, member.session, kind, payload});
}

void Worker::on_closed(Connection& connection) {
    if (const auto seat = seat_of(connection)) seat->worker->leave(seat->member);
}

}  // namespace cryo::broker
