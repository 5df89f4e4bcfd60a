#include "connector.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "random.h"

namespace cryo::redis {

Connector::Connector(LoopPtr loop, std::shared_ptr<const LinkConfig> config, ConnectTimes times,
                     std::unique_ptr<ILocator> locator, std::shared_ptr<ConnectCounters> counters, Listener& listener)
    : loop_(std::move(loop)),
      config_(std::move(config)),
      times_(times),
      locator_(std::move(locator)),
      counters_(std::move(counters)),
      listener_(listener),
      timer_(loop_->make_timer([this] { on_timer(); })),
      backoff_(times.retry_min) {
    locator_->watch([this](std::string_view reason) {
        if (up_) restart(std::string(reason));
    });
}

Connector::~Connector() { stop(); }

void Connector::start() {
    if (!std::exchange(stopped_, false)) return;
    attempt_ = std::make_shared<char>();
    loop_->at_turn_end([this, weak = std::weak_ptr(attempt_)] {  // nothing is told from within this call
        if (!weak.expired()) attempt();
    });
}

void Connector::stop() noexcept {
    stopped_ = true;
    up_ = false;
    attempt_.reset();
    timer_->cancel();
    drop_link();
}

/// Its callbacks may be on the stack; it keeps itself for as long as they are.
std::uint64_t Connector::drop_link() noexcept {
    const auto link = std::exchange(link_, nullptr);
    if (!link) return 0;
    link->close();
    return link->written();
}

void Connector::restart(std::string reason) {
    if (stopped_ || waiting_) return;
    on_lost(std::move(reason));
}

void Connector::attempt() {
    waiting_ = false;
    place_ = {};
    next_address_ = 0;
    attempt_ = std::make_shared<char>();
    timer_->start(times_.connect_timeout);
    locator_->locate([this, weak = std::weak_ptr(attempt_)](Result<Place> place) {
        if (!weak.expired()) located(std::move(place));
    });
}

void Connector::located(Result<Place> place) {
    if (!place) return fail(std::move(place).error().message);
    place_ = std::move(place).value();
    if (place_.addresses.empty()) return fail(fmt::format("'{}' has no address", place_.host));
    try_next_address();
}

void Connector::try_next_address() {
    const SocketAddress& address = place_.addresses[next_address_++];
    place_text_ = address.text;
    timer_->start(times_.connect_timeout);
    auto link = Link::open(loop_, config_, address, place_.host, *this);
    if (!link) return on_lost(std::move(link).error().message);
    link_ = std::move(link).value();
}

void Connector::on_ready() {
    timer_->cancel();
    up_ = true;
    backoff_ = times_.retry_min;
    ++counters_->connects;
    locator_->on_success();
    listener_.on_up();
}

void Connector::on_lost(std::string reason) {
    const std::uint64_t written = drop_link();
    if (!up_) {
        if (next_address_ < place_.addresses.size()) return try_next_address();
        return fail(fmt::format("cannot connect to {}: {}", place_text_, reason));
    }
    up_ = false;
    ++counters_->disconnects;
    locator_->on_failure();
    schedule_retry();
    const std::string words = fmt::format("lost {}: {}", place_text_, reason);
    listener_.on_down({.reason = words, .was_up = true, .written = written});
}

void Connector::fail(std::string reason) {
    ++counters_->failed_connects;
    locator_->on_failure();
    schedule_retry();
    listener_.on_down({.reason = reason});
}

/// Drawn from the upper half, so that the clients of a server that went away do not all return at once.
void Connector::schedule_retry() {
    attempt_.reset();
    waiting_ = true;
    timer_->start(backoff_ - backoff_ * random_below(512) / 1024);
    backoff_ = std::min(backoff_ * 2, times_.retry_max);
}

void Connector::on_timer() {
    if (waiting_) return attempt();
    const auto ms = times_.connect_timeout.count();
    if (link_) return on_lost(fmt::format("no answer within {} ms", ms));
    fail(fmt::format("cannot find the server within {} ms", ms));
}

}  // namespace cryo::redis
