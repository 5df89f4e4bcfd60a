#include "node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wire.h"

namespace cryo::redis {

using TimePoint = Loop::Clock::time_point;

Node::Node(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Times times, std::unique_ptr<ILocator> locator,
           std::shared_ptr<ConnectCounters> counters, Owner& owner)
    : loop_(loop),
      times_(times),
      owner_(owner),
      alarm_(loop, [this] { on_alarm(); }),
      connector_(std::move(loop), std::move(config), times.connect, std::move(locator), std::move(counters), *this) {}

void Node::stop() {
    stopped_ = true;
    alarm_.cancel();
    const std::uint64_t written = connector_.up() ? connector_.link().written() : 0;
    connector_.stop();
    static constexpr std::string_view kWhy = "the client was stopped";
    for (auto& sent : std::exchange(in_flight_, {})) {
        if (!sent.answer_wanted) continue;
        fail(std::move(sent.request), sent.end <= written ? Errc::outcome_unknown : Errc::unavailable, kWhy);
    }
    for (auto& request : take_waiting()) fail(std::move(request), Errc::unavailable, kWhy);
}

void Node::fail(Request request, Errc code, std::string_view why) {
    const bool was_tried = code == Errc::unavailable && !request.last_error.empty();
    std::string message = was_tried ? fmt::format("{} (last answer: {})", why, request.last_error) : std::string(why);
    owner_.on_failed(*this, std::move(request), {code, std::move(message)});
}

// -- commands out ----------------------------------------------------------------------------------------------------

void Node::submit(Request request) {
    alarm_.set(request.deadline);
    if (up()) {
        send(std::move(request), true);
    } else {
        waiting_.push_back(std::move(request));
    }
}

void Node::send(Request request, bool answer_wanted) {
    Link& link = connector_.link();
    if (std::exchange(request.asking, false)) send({.wire = encode({"ASKING"})}, false);
    link.send(request.wire);
    in_flight_.push_back({std::move(request), link.sent(), loop_->now(), answer_wanted});
}

std::size_t Node::in_flight(std::uint16_t slot) const noexcept {
    const auto count = std::count_if(in_flight_.begin(), in_flight_.end(), [slot](const Sent& sent) {
        return sent.answer_wanted && sent.request.slot == slot;
    });
    return static_cast<std::size_t>(count);
}

void Node::restart_when_quiet(std::string reason) {
    if (!up()) return;
    if (quiet()) return connector_.restart(std::move(reason));
    restart_reason_ = std::move(reason);
}

// -- what the connection tells ---------------------------------------------------------------------------------------

void Node::on_up() {
    for (auto& request : take_waiting()) send(std::move(request), true);
    set_alarm();
    owner_.on_up(*this);
}

void Node::on_reply(Reply reply) {
    if (in_flight_.empty()) return connector_.restart("it sent a reply that nobody asked for");
    Sent sent = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (sent.answer_wanted) owner_.on_answer(*this, std::move(sent.request), std::move(reply));
    if (quiet() && !restart_reason_.empty() && !stopped_) connector_.restart(std::exchange(restart_reason_, {}));
}

void Node::on_down(const Connector::Down& down) {
    reason_ = down.reason;
    restart_reason_.clear();
    std::deque<Sent> lost = std::exchange(in_flight_, {});
    recall(lost, down.written);
    for (auto& sent : lost) {
        if (sent.answer_wanted) fail(std::move(sent.request), Errc::outcome_unknown, reason_);
    }
    if (!stopped_) owner_.on_down(*this, reason_, down.was_up);
}

/// Takes back, to be sent first and in their order: what cannot have been executed since it was not sent completely,
/// and what may be executed twice.
void Node::recall(std::deque<Sent>& lost, std::uint64_t written) {
    for (auto sent = lost.rbegin(); sent != lost.rend(); ++sent) {
        const bool executed = sent->end <= written;
        if (!sent->answer_wanted || (executed && !sent->request.repeatable)) continue;
        if (executed) ++repeated_;
        sent->answer_wanted = false;
        waiting_.push_front(std::move(sent->request));
    }
}

// -- time ------------------------------------------------------------------------------------------------------------

void Node::expire_waiting(TimePoint now) {
    std::vector<Request> late;
    for (auto& request : waiting_) {
        if (request.deadline <= now) late.push_back(std::move(request));
    }
    if (late.empty()) return;
    std::erase_if(waiting_, [now](const Request& request) { return request.deadline <= now; });
    const std::string why = fmt::format("not connected in time: {}", reason_);
    for (auto& request : late) fail(std::move(request), Errc::unavailable, why);
}

void Node::expire_in_flight(TimePoint now) {
    std::vector<Request> late;
    for (auto& sent : in_flight_) {
        if (!sent.answer_wanted || sent.request.deadline > now) continue;
        sent.answer_wanted = false;  // its reply may come yet
        late.push_back(std::move(sent.request));
    }
    if (late.empty()) return;
    const std::string why = fmt::format("no answer from {} in time", place());
    for (auto& request : late) fail(std::move(request), Errc::outcome_unknown, why);
}

void Node::on_alarm() {
    const auto now = loop_->now();
    expire_waiting(now);
    if (!stopped_) expire_in_flight(now);
    if (stopped_) return;
    if (connector_.up() && next_check() <= now) {
        if (in_flight_.empty()) {
            send({.wire = encode({"PING"})}, false);
        } else {
            connector_.restart(fmt::format("no answer for {} ms", times_.command_timeout.count()));
        }
    }
    if (!stopped_) set_alarm();
}

/// When an idle connection is to be asked for a sign of life, or a silent one to be given up.
TimePoint Node::next_check() {
    const auto received = connector_.link().last_received();
    if (in_flight_.empty()) return received + times_.ping_interval;
    const Sent& front = in_flight_.front();
    const TimePoint silent_since = std::max(received, front.since);
    return std::max(silent_since + times_.command_timeout, front.answer_wanted ? front.request.deadline : TimePoint());
}

void Node::set_alarm() {
    TimePoint next = connector_.up() ? std::min(next_check(), loop_->now() + times_.ping_interval) : TimePoint::max();
    for (const auto& request : waiting_) next = std::min(next, request.deadline);
    for (const auto& sent : in_flight_) {
        if (sent.answer_wanted) next = std::min(next, sent.request.deadline);
    }
    alarm_.set(next);
}

}  // namespace cryo::redis
