#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <cryo/broker/options.h>
#include <cryo/connection.h>
#include <cryo/hub/hub.h>
#include <cryo/logging.h>
#include <cryo/loop.h>

#include "counters.h"
#include "directory.h"
#include "effect.h"
#include "registrar.h"
#include "roster.h"

namespace cryo::broker {

/// The half that clients are connected to: its members, and what is done to them.
///
/// Thread safety: the home loop, unless marked otherwise.
class Worker : public std::enable_shared_from_this<Worker> {
public:
    struct Parts {
        std::string id{};
        LoopPtr home{};
        std::shared_ptr<hub::Hub> hub{};
        std::shared_ptr<Roster> roster{};
        std::shared_ptr<IRegistrar> registrar{};
        std::function<void(const ClientMessage&)> on_message{};  ///< May be empty.
        std::size_t max_channels = 0;                            ///< Of a member.
        std::shared_ptr<Counters> counters{};
        std::shared_ptr<ILogger> logger{};  ///< May be null.
    };

    explicit Worker(Parts parts) : parts_(std::move(parts)) {}

    const std::string& id() const noexcept { return parts_.id; }  ///< Any thread.

    /// Does what a parcel says. Messages: any thread. The answer comes on any thread, and never with an error.
    void accept(Parcel parcel, EffectHandler done);

    /// The connections of the target: by `id`, else by `user` (and session), else by `channel`.
    std::vector<ConnectionInfo> list(const Target& target) const;

    /// A place in the roster, which is left when the last copy goes.
    struct Seat {
        std::shared_ptr<Worker> worker;
        MemberPtr member;

        Seat(std::shared_ptr<Worker> its_worker, MemberPtr its_member) noexcept
            : worker(std::move(its_worker)), member(std::move(its_member)) {}
        ~Seat() { worker->leave(member); }
        Seat(const Seat&) = delete;
        Seat& operator=(const Seat&) = delete;
    };
    using SeatPtr = std::shared_ptr<Seat>;

    /// Reserves a place in the hub, on the loop of the connection to be.
    Result<SeatPtr> reserve(std::string user, std::string session, std::vector<std::string> channels);
    /// Any thread. Registers it; `done`, on the home loop, is told whether other processes know of it, or will when
    /// they can be told again.
    void enter(const SeatPtr& seat, UniqueFunction<void(bool)> done);
    /// Any thread. Gives it these channels instead of those it entered with; a change made meanwhile stays.
    void correct(const SeatPtr& seat, std::vector<std::string> entered_with, std::vector<std::string> channels,
                 UniqueFunction<void()> done);
    void leave(const MemberPtr& member);  ///< Any thread.

    /// Disconnects all, and lets nobody in any more.
    void close_all();
    /// Calls back once nobody is here any more.
    void when_empty(UniqueFunction<void()> done);

    // Events of connections, on their loops. Their `user_data` is a `SeatPtr`.
    static void on_open(Connection& connection);
    static void on_pong(Connection& connection);
    static void on_message(Connection& connection, MessageKind kind, Bytes payload);
    static void on_closed(Connection& connection);

private:
    void note_departure();
    void send(const wire::Message& message, EffectHandler done);
    void disconnect(const std::vector<MemberPtr>& members, EffectHandler done);
    void change(const wire::ChannelAction& action, EffectHandler done);
    void change(const std::vector<MemberPtr>& members, const std::string& channel, bool subscribe, EffectHandler done);

    Parts parts_;
    Roster& roster_ = *parts_.roster;
    UniqueFunction<void()> when_empty_{};
    bool closed_ = false;
};

}  // namespace cryo::broker
