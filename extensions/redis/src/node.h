#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/loop.h>

#include "alarm.h"
#include "connector.h"
#include "request.h"

namespace cryo::redis {

/// Commands to one server, pipelined on one connection: in order, each with its deadline.
///
/// Loop thread. Its owner may call every method from its own, and must keep the node until the end of the turn when it
/// no longer wants it.
class Node final : private Connector::Listener {
public:
    class Owner {
    public:
        /// What the server said, errors included.
        virtual void on_answer(Node& node, Request request, Reply reply) = 0;
        /// There is no answer, nor will there be.
        virtual void on_failed(Node& node, Request request, Error error) = 0;
        virtual void on_up(Node& node) = 0;
        /// @param was_up whether `on_up` came before; else an attempt to connect has failed
        virtual void on_down(Node& node, std::string_view reason, bool was_up) = 0;

    protected:
        ~Owner() = default;
    };

    struct Times {
        ConnectTimes connect{};
        std::chrono::milliseconds command_timeout{};
        std::chrono::milliseconds ping_interval{};
    };

    Node(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Times times, std::unique_ptr<ILocator> locator,
         std::shared_ptr<ConnectCounters> counters, Owner& owner);

    void start() { connector_.start(); }
    /// Disconnects and hands back, as failed, all it has. Nothing is told afterwards.
    void stop();
    /// Gives the connection up once all that was sent is answered; until the next one, nothing is sent.
    void restart_when_quiet(std::string reason);

    /// Sends it now or, while the server is away, once it is back.
    void submit(Request request);
    /// What waits for a connection.
    std::deque<Request> take_waiting() noexcept { return std::exchange(waiting_, {}); }

    bool up() const noexcept { return connector_.up() && restart_reason_.empty(); }
    /// Nothing was sent that is unanswered.
    bool quiet() const noexcept { return in_flight_.empty(); }
    /// Commands on that slot that were sent, and whose answers are wanted.
    std::size_t in_flight(std::uint16_t slot) const noexcept;
    const std::string& place() const noexcept { return connector_.place(); }
    std::uint64_t repeated() const noexcept { return repeated_; }

private:
    struct Sent {
        Request request{};
        std::uint64_t end = 0;  ///< Of `Link::sent`, once it is complete.
        Loop::Clock::time_point since{};
        bool answer_wanted = true;
    };

    void on_up() override;
    void on_reply(Reply reply) override;
    void on_down(const Connector::Down& down) override;

    void send(Request request, bool answer_wanted);
    void fail(Request request, Errc code, std::string_view why);
    void recall(std::deque<Sent>& lost, std::uint64_t written);
    void expire_waiting(Loop::Clock::time_point now);
    void expire_in_flight(Loop::Clock::time_point now);
    Loop::Clock::time_point next_check();
    void on_alarm();
    void set_alarm();

    const LoopPtr loop_;
    const Times times_;
    Owner& owner_;
    std::deque<Request> waiting_{};
    std::deque<Sent> in_flight_{};
    std::string reason_{"not connected yet"};  ///< Why it is down.
    std::string restart_reason_{};             ///< Why it is to be restarted when it is quiet.
    Alarm alarm_;
    std::uint64_t repeated_ = 0;
    bool stopped_ = false;
    Connector connector_;
};

}  // namespace cryo::redis
