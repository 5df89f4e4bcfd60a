#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/client.h>

#include "registrar.h"

namespace cryo::broker {

/// Keeps a worker and its members registered in Redis, under dSock's keys: written when something changes, again every
/// `ttl`, and when Redis returns; forgotten by Redis after twice that time.
///
/// What is left when a member has gone, or a key could not be deleted, is cleaned by whoever reads it.
class RedisRegistrar final : public IRegistrar {
public:
    struct Settings {
        std::string worker{};
        std::string address{};  ///< Where this worker takes messages by HTTP. Empty: it does not.
        std::chrono::milliseconds ttl{};
    };

    /// @param roster may hold members that were never added: they are written with the next refresh
    RedisRegistrar(std::shared_ptr<redis::Client> client, std::shared_ptr<const Roster> roster, Settings settings);
    ~RedisRegistrar() override;

    /// Writes the worker's own key, and everything again from time to time. Members wait to be added until the worker
    /// hears what is sent to it: until `open`, or for a while.
    void start();
    void open();
    /// Deletes the worker's key; nothing else is written any more, and what is asked for fails. Done when Redis has
    /// answered all that was asked before, too.
    void stop(UniqueFunction<void()> done);

    void add(const MemberPtr& member, Done done) override;
    void remove(const MemberPtr& member, Done done) override;
    void subscribed(const MemberPtr& member, const std::string& channel, Done done) override;
    void unsubscribed(const MemberPtr& member, const std::string& channel, Done done) override;

private:
    /// A member that left while Redis was away.
    struct Leftover {
        std::string id, user, session;
        std::vector<std::string> channels;
    };
    struct Waiting {
        MemberPtr member;
        Done done;
    };
    class Step;  // one operation's commands, and whether all of them worked
    using StepPtr = std::shared_ptr<Step>;

    static Leftover leftover_of(const Member& member);

    StepPtr begin(Done done);
    void note_end_of_step();
    void command(std::initializer_list<std::string_view> words, const StepPtr& step);

    void write_worker();
    void erase_worker();
    void write(const MemberPtr& member, Done done);
    void write_hash(const Member& member, const StepPtr& step);
    void join_sets(const Member& member, const StepPtr& step);
    void write_channels(const Member& member, const StepPtr& step);
    void erase(Leftover member, Done done);

    void refresh();
    void refresh_some();
    void on_health(redis::Health health);
    std::string lifetime() const;

    const std::shared_ptr<redis::Client> client_;
    const std::shared_ptr<const Roster> roster_;
    const Settings settings_;
    std::unique_ptr<redis::HealthWatch> health_{};
    std::unique_ptr<LoopTimer> timer_{};
    std::unique_ptr<LoopTimer> patience_{};  // armed: not open yet
    std::vector<Waiting> waiting_{};
    std::vector<MemberPtr> to_refresh_{};
    std::deque<Leftover> leftovers_{};
    std::size_t under_way_ = 0;  // steps
    UniqueFunction<void()> when_idle_{};
    bool refreshing_ = false;
    bool stopped_ = false;
};

}  // namespace cryo::broker
