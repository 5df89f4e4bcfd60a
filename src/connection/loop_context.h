#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/connection.h>
#include <cryo/options.h>

#include "connection/connection_limiter.h"
#include "connection/connection_table.h"
#include "connection/fan_out.h"
#include "connection/output_buffer.h"
#include "transport/loop.h"
#include "websocket/byte_buffer.h"

namespace cryo::connection {

/// What one loop counts. Written on the loop, read from anywhere.
struct Counters {
    std::atomic<std::uint64_t> accepted{0}, upgrades{0}, refused_upgrades{0}, bad_requests{0}, protocol_errors{0},
        dropped_messages{0}, ack_timeouts{0}, heartbeat_timeouts{0}, handler_exceptions{0};

    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t count = 1) noexcept {
        counter.fetch_add(count, std::memory_order_relaxed);
    }
};

class WebSocketConnection;

/// Connections that wait for the kernel to send what it holds: no event tells when, so a timer looks.
class ThrottledConnections {
public:
    explicit ThrottledConnections(transport::Loop& loop) : loop_(loop) {}

    void add(WebSocketConnection& connection);
    void remove(WebSocketConnection& connection) noexcept;

private:
    void look() noexcept;

    transport::Loop& loop_;
    ConnectionSet waiting_{&ConnectionSlots::waiting_slot};
    transport::MemberTimer<ThrottledConnections, &ThrottledConnections::look> timer_{*this};
};

/// Messages refused on other threads, one entry for each kind and reason; null: none. Guarded by the loop's context.
using Refusals = std::unique_ptr<std::vector<DroppedMessage>>;

/// What all connections of one loop share. Lives as long as the last handle to one of them, so that a late `post` finds
/// a loop to say no.
///
/// Loop thread only, but for `loop.post`, `loop.in_loop_thread` and reading the counters.
struct LoopContext : std::enable_shared_from_this<LoopContext> {
    std::size_t index = 0;  ///< Among the server's loops.
    std::unique_ptr<transport::Loop> loop{};
    std::shared_ptr<const ServerOptions> options{};
    std::function<void(const Error&)> on_error{};
    std::shared_ptr<ConnectionLimiter> limiter{};  ///< The server's.
    OutputBufferPool buffers{};
    ConnectionSet connections{&ConnectionSlots::loop_slot};  ///< All WebSocket connections of this loop.
    std::atomic<std::size_t> remote_sends{0};                ///< Messages of other threads on their way to this loop.
    FanOut fan_out{*this};                                   ///< To groups of them.
    std::size_t busy_exchanges = 0;                          ///< HTTP requests not completely answered yet.
    Counters counters{};
    std::pair<std::string, std::time_t> http_date{};  ///< And the second it was made for.
    websocket::ByteBuffer scratch{};                  ///< Of the message being compressed, unless it is large.
    std::unique_ptr<ThrottledConnections> throttled{};

    /// Adds up what was refused on other threads until the loop tells of it, so that whoever keeps trying costs nothing
    /// more. Any thread. True for the first: the caller has to post the report.
    bool note_refusal(Refusals& refusals, const DroppedMessage& message);
    std::vector<DroppedMessage> take_refusals(Refusals& refusals);

    void log(LogLevel level, std::string_view component, std::string_view message) const noexcept;
    /// Logs, counts and reports what user code threw.
    void report_exception(std::string_view where, std::exception_ptr error) noexcept;

    /// Runs user code. False when it threw; `where` names it in the log.
    template <class F>
    bool fenced(std::string_view where, F&& user_code) noexcept {
        try {
            std::forward<F>(user_code)();
            return true;
        } catch (...) {
            report_exception(where, std::current_exception());
            return false;
        }
    }

private:
    std::mutex refusals_mutex_{};
};

}  // namespace cryo::connection
