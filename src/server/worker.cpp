#include "server/worker.h"

#include <algorithm>
#include <utility>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "server/tls_config.h"

namespace cryo::server {

using connection::Counters;
using connection::HttpConnection;
using connection::LoopContext;
using connection::ThrottledConnections;
using connection::WebSocketConnection;

namespace {

constexpr std::chrono::milliseconds kDrainStep{16};
constexpr std::size_t kCrowd = 1024;
constexpr std::chrono::milliseconds kTrimAfter{1'000};

}  // namespace

Worker::Worker(std::size_t index, std::shared_ptr<const ServerOptions> options,
               std::shared_ptr<connection::ConnectionLimiter> limiter, std::function<void(const Error&)> on_error)
    : index_(index), context_(std::make_shared<LoopContext>()), hooks_(options->logger) {
    context_->index = index;
    context_->options = std::move(options);
    context_->limiter = std::move(limiter);
    context_->on_error = std::move(on_error);
}

Result<> Worker::open(int listener_fd, const std::optional<transport::TlsConfig>& tls,
                      connection::HttpDispatcher& dispatcher, std::function<void()> on_wake) {
    const ServerOptions& options = *context_->options;
    transport::ListenConfig config;
    config.fd = listener_fd;
    config.tls = tls;
    config.tls_handshake_timeout = options.handshake_timeout;
    config.logger = options.logger;
    config.spin = options.spin;
    config.on_wake = std::move(on_wake);
    config.may_accept = [this] { return let_in(); };
    config.on_gone = [this] { let_go(); };
    auto accept = [context = context_.get(), &dispatcher](transport::Socket& socket) {
        return std::make_shared<HttpConnection>(context->shared_from_this(), socket, dispatcher);
    };
    auto loop = transport::Loop::create(std::move(config), std::move(accept));
    if (!loop) return std::move(loop).error();
    context_->loop = std::move(loop).value();
    context_->throttled = std::make_unique<ThrottledConnections>(*context_->loop);
    return {};
}

bool Worker::let_in() {
    if (!context_->limiter->enter()) return false;
    Counters::add(context_->counters.accepted);
    return true;
}

void Worker::let_go() {
    context_->limiter->leave();
    const std::size_t count = context_->loop->socket_count();
    most_sockets_ = std::max(most_sockets_, count + 1);
    if (most_sockets_ >= kCrowd && count <= most_sockets_ / 8) context_->loop->timers().start(trim_timer_, kTrimAfter);
}

/// Most of a crowd has left: its memory goes back to the system, where the allocator would keep it.
void Worker::trim_memory() noexcept {
    most_sockets_ = context_->loop->socket_count();
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void Worker::drain(UniqueFunction<bool()> needs_loop) {
    draining_ = true;
    needs_loop_ = std::move(needs_loop);
    drain_began_ = context_->loop->now();
    drain_order_.reserve(context_->connections.size());
    context_->connections.for_each(
        [&](const connection::ConnectionEntry& entry) { drain_order_.push_back(entry.connection->weak_from_this()); });
    drain_total_ = drain_order_.size();
    drain_step();
}

void Worker::drain_step() noexcept {
    const auto limit = context_->options->drain_timeout;
    const auto elapsed = context_->loop->now() - drain_began_;
    const auto spread = std::max<transport::Clock::duration>(limit / 2, kDrainStep);
    // At once the first, and all of them after half of the time.
    const double share = std::min(1.0, static_cast<double>(elapsed.count()) / static_cast<double>(spread.count()));
    const auto due = std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(drain_total_)));
    close_some(std::min(due, drain_total_) - drain_closed_);

    const bool done = drain_closed_ == drain_total_ && context_->connections.size() == 0 &&
                      context_->busy_exchanges == 0 && !needs_loop_();
    if (done || elapsed >= limit) return context_->loop->stop();
    context_->loop->timers().start(drain_timer_, kDrainStep);
}

void Worker::close_some(std::size_t count) {
    for (; count > 0; --count) {
        const auto connection = std::static_pointer_cast<WebSocketConnection>(drain_order_[drain_closed_++].lock());
        if (connection && connection->is_open()) connection->listener().on_server_stop(*connection);
    }
}

}  // namespace cryo::server
