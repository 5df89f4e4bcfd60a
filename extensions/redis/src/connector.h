#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/loop.h>

#include "link.h"
#include "locator.h"

namespace cryo::redis {

/// How long a `Connector` takes for what.
struct ConnectTimes {
    std::chrono::milliseconds connect_timeout{};
    std::chrono::milliseconds retry_min{};
    std::chrono::milliseconds retry_max{};
};

/// Counters of connections, shared by all connectors of a client.
struct ConnectCounters {
    std::uint64_t connects = 0;
    std::uint64_t disconnects = 0;
    std::uint64_t failed_connects = 0;
};

/// Keeps one connection to a server: finds it, connects, and again when it is lost, with backoff and without end.
///
/// Loop thread. The listener may call every method from its own, and must keep the connector until the end of the turn
/// when it no longer wants it.
class Connector final : private Link::Listener {
public:
    struct Down {
        std::string_view reason{};
        bool was_up = false;        ///< Whether `on_up` came before; else an attempt has failed.
        std::uint64_t written = 0;  ///< `Link::written` at its end.
    };

    class Listener {
    public:
        virtual void on_up() = 0;
        virtual void on_reply(Reply reply) = 0;
        virtual void on_down(const Down& down) = 0;

    protected:
        ~Listener() = default;
    };

    Connector(LoopPtr loop, std::shared_ptr<const LinkConfig> config, ConnectTimes times,
              std::unique_ptr<ILocator> locator, std::shared_ptr<ConnectCounters> counters, Listener& listener);
    ~Connector();

    void start();
    /// Disconnects for good; nothing is told any more.
    void stop() noexcept;
    /// Gives up the connection it has, as if it had been lost, and connects anew.
    void restart(std::string reason);

    bool up() const noexcept { return up_; }
    Link& link() noexcept { return *link_; }  ///< Only while it is up.
    /// Where it is connected to, or tries to connect. For log lines.
    const std::string& place() const noexcept { return place_text_; }

private:
    void on_ready() override;
    void on_reply(Reply reply) override { listener_.on_reply(std::move(reply)); }
    void on_lost(std::string reason) override;

    void attempt();
    void located(Result<Place> place);
    void try_next_address();
    void fail(std::string reason);
    void schedule_retry();
    void on_timer();
    std::uint64_t drop_link() noexcept;

    const LoopPtr loop_;
    const std::shared_ptr<const LinkConfig> config_;
    const ConnectTimes times_;
    const std::unique_ptr<ILocator> locator_;
    const std::shared_ptr<ConnectCounters> counters_;
    Listener& listener_;
    const std::unique_ptr<LoopTimer> timer_;  ///< Of the step that goes on, or until the next attempt.

    std::shared_ptr<Link> link_{};
    Place place_{};
    std::size_t next_address_ = 0;
    std::string place_text_{};
    bool up_ = false;
    bool waiting_ = false;  ///< Between two attempts.
    bool stopped_ = true;
    std::chrono::milliseconds backoff_;
    /// Of the current attempt: what comes late for another one finds it gone.
    std::shared_ptr<char> attempt_{};
};

}  // namespace cryo::redis
