#include "feed.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wire.h"

namespace cryo::redis {

Feed::Feed(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Times times, std::unique_ptr<ILocator> locator,
           std::shared_ptr<ConnectCounters> counters, bool sharded, Owner& owner)
    : loop_(loop),
      times_(times),
      sharded_(sharded),
      owner_(owner),
      alarm_(loop, [this] { on_alarm(); }),
      connector_(std::move(loop), std::move(config), times.connect, std::move(locator), std::move(counters), *this) {}

void Feed::stop() noexcept {
    stopped_ = true;
    asked_.clear();
    alarm_.cancel();
    connector_.stop();
}

void Feed::subscribe(const std::string& channel, std::uint64_t id) {
    ask(Asked::What::subscribe, sharded_ ? "SSUBSCRIBE" : "SUBSCRIBE", channel, id);
}

void Feed::unsubscribe(const std::string& channel) {
    ask(Asked::What::unsubscribe, sharded_ ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel, 0);
}

/// One channel a command: each is answered by itself, and one that is refused does not take others with it.
void Feed::ask(Asked::What what, std::string_view command, const std::string& channel, std::uint64_t id) {
    connector_.link().send(what == Asked::What::ping ? encode({command}) : encode({command, channel}));
    asked_.push_back({what, channel, id, loop_->now()});
    alarm_.set(loop_->now() + times_.answer_timeout);
}

void Feed::on_up() {
    alarm_.set(loop_->now() + times_.ping_interval);
    owner_.on_feed_up(*this);
}

void Feed::on_reply(Reply reply) {
    const auto kind = reply[0].text();
    const auto channel = reply[1].text();
    if (kind == "message" || kind == "smessage") return owner_.on_message(*this, channel, reply[2].bytes());
    const bool is_end = kind == "unsubscribe" || kind == "sunsubscribe";
    const bool is_asked_end =
        !asked_.empty() && asked_.front().what == Asked::What::unsubscribe && asked_.front().channel == channel;
    if (is_end && !is_asked_end) return owner_.on_dropped(*this, channel);
    take_answer(reply);
}

void Feed::take_answer(const Reply& reply) {
    const bool fits = !asked_.empty() && (asked_.front().what != Asked::What::subscribe || reply.is_error() ||
                                          reply[1].text() == asked_.front().channel);
    if (!fits) return connector_.restart("it sent a reply that nobody asked for");
    const Asked answered = std::move(asked_.front());
    asked_.pop_front();
    if (answered.what != Asked::What::subscribe) return;
    owner_.on_subscribed(*this, answered.channel, answered.id, reply.is_error() ? reply.text() : std::string_view());
}

void Feed::on_down(const Connector::Down& down) {
    asked_.clear();
    alarm_.cancel();
    owner_.on_feed_down(*this, down.reason, down.was_up);
}

void Feed::on_alarm() {
    if (!up()) return;
    const auto now = loop_->now();
    const auto received = connector_.link().last_received();
    if (!asked_.empty() && std::max(received, asked_.front().since) + times_.answer_timeout <= now) {
        return connector_.restart(fmt::format("no answer for {} ms", times_.answer_timeout.count()));
    }
    if (asked_.empty() && received + times_.ping_interval <= now) ask(Asked::What::ping, "PING", {}, 0);
    alarm_.set(now + times_.ping_interval);
}

}  // namespace cryo::redis
