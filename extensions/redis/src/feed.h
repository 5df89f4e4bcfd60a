#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/bytes.h>
#include <cryo/loop.h>
#include <cryo/result.h>

#include "alarm.h"
#include "connector.h"

namespace cryo::redis {

/// One connection that is told what is published on channels. It forgets them when it is lost: its owner subscribes
/// anew.
///
/// Loop thread. Its owner may call every method from its own, and must keep the feed until the end of the turn when it
/// no longer wants it.
class Feed final : private Connector::Listener {
public:
    class Owner {
    public:
        virtual void on_feed_up(Feed& feed) = 0;
        /// @param was_up whether `on_feed_up` came before; else an attempt to connect has failed
        virtual void on_feed_down(Feed& feed, std::string_view reason, bool was_up) = 0;
        /// What became of `subscribe`.
        /// @param error the server's words; empty: it is in effect
        virtual void on_subscribed(Feed& feed, std::string_view channel, std::uint64_t id, std::string_view error) = 0;
        /// The server has ended a subscription unasked.
        virtual void on_dropped(Feed& feed, std::string_view channel) = 0;
        virtual void on_message(Feed& feed, std::string_view channel, Bytes payload) = 0;

    protected:
        ~Owner() = default;
    };

    struct Times {
        ConnectTimes connect{};
        std::chrono::milliseconds answer_timeout{};
        std::chrono::milliseconds ping_interval{};
    };

    /// @param sharded SSUBSCRIBE instead of SUBSCRIBE
    Feed(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Times times, std::unique_ptr<ILocator> locator,
         std::shared_ptr<ConnectCounters> counters, bool sharded, Owner& owner);

    void start() { connector_.start(); }
    void stop() noexcept;

    /// Only while it is up.
    /// @param id is told back
    void subscribe(const std::string& channel, std::uint64_t id);
    void unsubscribe(const std::string& channel);

    bool up() const noexcept { return connector_.up(); }
    const std::string& place() const noexcept { return connector_.place(); }

private:
    /// A command that the server has not answered yet. It answers in order, with messages in between.
    struct Asked {
        enum class What { subscribe, unsubscribe, ping };

        What what{};
        std::string channel{};
        std::uint64_t id = 0;
        Loop::Clock::time_point since{};
    };

    void on_up() override;
    void on_reply(Reply reply) override;
    void on_down(const Connector::Down& down) override;

    void ask(Asked::What what, std::string_view command, const std::string& channel, std::uint64_t id);
    void take_answer(const Reply& reply);
    void on_alarm();

    const LoopPtr loop_;
    const Times times_;
    const bool sharded_;
    Owner& owner_;
    std::deque<Asked> asked_{};
    Alarm alarm_;
    bool stopped_ = false;
    Connector connector_;
};

}  // namespace cryo::redis
