#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <cryo/unique_function.h>

#include "connection/http_connection.h"
#include "extension/hook_runner.h"
#include "transport/loop.h"

namespace cryo::server {

/// One loop of a server and what it needs: connections, hooks, and the orderly end.
///
/// Loop thread only, but for `context().loop`'s own any-thread calls.
class Worker {
public:
    Worker(std::size_t index, std::shared_ptr<const ServerOptions> options,
           std::shared_ptr<connection::ConnectionLimiter> limiter, std::function<void(const Error&)> on_error);

    std::size_t index() const noexcept { return index_; }
    const std::shared_ptr<connection::LoopContext>& context() const noexcept { return context_; }
    extension::HookRunner& hooks() noexcept { return hooks_; }

    /// Takes over a listening socket; every accepted one gets an HTTP connection that asks `dispatcher`.
    /// @param tls loaded already, and the same for every loop
    Result<> open(int listener_fd, const std::optional<transport::TlsConfig>& tls,
                  connection::HttpDispatcher& dispatcher, std::function<void()> on_wake);

    /// Closes the WebSocket connections one after the other over the first half of `drain_timeout`, waits for answers
    /// that are due, and until nobody `needs_loop` any more; then ends the loop. What is left at the end of
    /// `drain_timeout` is cut.
    void drain(UniqueFunction<bool()> needs_loop);
    bool draining() const noexcept { return draining_; }

private:
    bool let_in();
    void let_go();
    void trim_memory() noexcept;
    void drain_step() noexcept;
    void close_some(std::size_t count);

    std::size_t index_;
    std::size_t most_sockets_ = 0;  // since memory was last given back
    std::shared_ptr<connection::LoopContext> context_;
    extension::HookRunner hooks_;
    transport::Clock::time_point drain_began_{};
    bool draining_ = false;
    UniqueFunction<bool()> needs_loop_{};
    std::size_t drain_total_ = 0, drain_closed_ = 0;
    std::vector<std::weak_ptr<Connection>> drain_order_{};
    transport::MemberTimer<Worker, &Worker::drain_step> drain_timer_{*this};
    transport::MemberTimer<Worker, &Worker::trim_memory> trim_timer_{*this};
};

}  // namespace cryo::server
