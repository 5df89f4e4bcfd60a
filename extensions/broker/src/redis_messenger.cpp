#include "redis_messenger.h"

#include <algorithm>
#include <utility>

#include "redis_keys.h"

namespace cryo::broker {
namespace {

constexpr std::size_t kMaxHeld = 1'000;
constexpr std::chrono::milliseconds kPause{200};  // until a worker is looked for again

std::string encode(Parcel& parcel, wire::ReplyAddress reply) {
    return std::visit(
        [&](auto& content) {
            content.reply = std::move(reply);
            return wire::encode(content);
        },
        parcel.content);
}

Error unconfirmed() { return {Errc::system, "a worker could not be reached, or did not confirm"}; }

/// KEYS: a list. ARGV: what to append, and the list's lifetime in milliseconds. The newest thousand stay.
const redis::Script& leave_entry() {
    static const redis::Script script(
        "redis.call('RPUSH', KEYS[1], ARGV[1]) "
        "redis.call('LTRIM', KEYS[1], -1000, -1) "
        "return redis.call('PEXPIRE', KEYS[1], ARGV[2])");
    return script;
}

}  // namespace

RedisMessenger::RedisMessenger(std::shared_ptr<redis::Client> client, bool is_cluster, std::string reply_channel,
                               std::chrono::milliseconds patience, std::chrono::milliseconds lifetime)
    : client_(std::move(client)),
      is_cluster_(is_cluster),
      reply_channel_(std::move(reply_channel)),
      patience_(patience),
      lifetime_(std::to_string(lifetime.count())),
      timer_(client_->loop()->make_timer([this] { give_up_late(); })),
      again_timer_(client_->loop()->make_timer([this] { publish_again(); })) {}

RedisMessenger::~RedisMessenger() = default;

void RedisMessenger::send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) {
    if (client_->health() == redis::Health::stopped) {
        return done(Error{Errc::system, "the broker does not run any more"});
    }
    if (!listens_ && parcel.changes_something() && std::ranges::any_of(workers, &WorkerRoute::confirms)) {
        return hold(std::move(workers), std::move(parcel), std::move(done));
    }
    const auto id = ++last_id_;
    const auto payload = std::make_shared<const std::string>(
        encode(parcel, listens_ ? wire::ReplyAddress{reply_channel_, id} : wire::ReplyAddress{}));
    auto& shipment = shipments_[id];
    shipment.done = std::move(done);
    shipment.unpublished = workers.size();
    shipment.is_change = parcel.changes_something();
    for (const auto& worker : workers) shipment.unconfirmed += worker.confirms && listens_ ? 1 : 0;

    deadlines_.push_back({client_->loop()->now() + patience_, id});
    if (!timer_->armed()) wake_up_in_time();
    for (auto& worker : workers) {
        publish({id, std::move(worker.id), payload, parcel.action() != nullptr, worker.confirms && listens_});
    }
}

void RedisMessenger::hold(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) {
    if (held_.size() >= kMaxHeld) return done(unconfirmed());
    held_.push_back({client_->loop()->now() + patience_, std::move(workers), std::move(parcel), std::move(done)});
    if (!timer_->armed()) wake_up_in_time();
}

void RedisMessenger::listening(bool listens) {
    listens_ = listens;
    if (!listens) return;
    for (auto& held : std::exchange(held_, {})) {
        send(std::move(held.workers), std::move(held.parcel), std::move(held.done));
    }
}

void RedisMessenger::publish(Post post) {
    const auto channel = post.is_action ? keys::actions_of(post.worker) : keys::messages_of(post.worker);
    const auto payload = post.payload;
    client_->command({"PUBLISH", channel, *payload}, {},
                     [this, post = std::move(post)](const Result<redis::Reply>& reply) mutable {
                         published(std::move(post), reply);
                     });
}

void RedisMessenger::published(Post post, const Result<redis::Reply>& receivers) {
    const auto found = shipments_.find(post.request_id);
    if (found == shipments_.end()) return;
    auto& shipment = found->second;
    const bool refused = !receivers;
    // In a cluster, Redis counts the receivers of one node only: none there says nothing.
    const bool gone = !refused && !is_cluster_ && receivers.value().integer() == 0;
    if (gone && post.awaited && shipment.is_change) {
        return post.left ? look_for_worker(std::move(post)) : leave(std::move(post));
    }
    if (post.left && !gone) {
        client_->command({"LREM", keys::missed_by(post.worker), "1", keys::missed_entry(post.is_action, *post.payload)},
                         {}, {});
    }
    settle(post, refused, gone);
}

void RedisMessenger::settle(const Post& post, bool refused, bool gone) {
    auto& shipment = shipments_.at(post.request_id);
    --shipment.unpublished;
    if (post.absent) --shipment.absent;
    if (refused) shipment.failed = true;
    if (!post.awaited || gone) shipment.effect.complete = false;
    if (post.awaited && (refused || gone) && shipment.unconfirmed > 0) --shipment.unconfirmed;
    conclude_if_done(post.request_id);
}

/// Then publishes once more: the worker may have come back, and looked, before it was left.
void RedisMessenger::leave(Post post) {
    post.left = true;
    const auto key = keys::missed_by(post.worker);
    const auto entry = keys::missed_entry(post.is_action, *post.payload);
    client_->run(leave_entry(), {key}, {entry, lifetime_}, {},
                 [this, post = std::move(post)](const Result<redis::Reply>&) mutable { publish(std::move(post)); });
}

/// One that is not registered any more is gone for good.
void RedisMessenger::look_for_worker(Post post) {
    const auto key = keys::worker(post.worker);
    client_->command({"EXISTS", key}, {.repeatable = true},
                     [this, post = std::move(post)](const Result<redis::Reply>& found) mutable {
                         if (!shipments_.contains(post.request_id)) return;
                         if (!found || found.value().integer() == 0) return settle(post, !found, true);
                         if (!std::exchange(post.absent, true)) ++shipments_.at(post.request_id).absent;
                         again_.push_back(std::move(post));
                         if (!again_timer_->armed()) again_timer_->start(kPause);
                     });
}

void RedisMessenger::publish_again() {
    for (auto& post : std::exchange(again_, {})) {
        if (shipments_.contains(post.request_id)) publish(std::move(post));
    }
}

void RedisMessenger::confirmed(const wire::Confirmation& confirmation) {
    const auto found = shipments_.find(confirmation.request_id);
    if (found == shipments_.end() || found->second.unconfirmed == 0) return;
    --found->second.unconfirmed;
    found->second.effect.connections += confirmation.connections;
    found->second.effect.complete &= confirmation.complete;
    if (found->second.is_change && !confirmation.complete) found->second.failed = true;
    conclude_if_done(confirmation.request_id);
}

void RedisMessenger::conclude_if_done(std::uint64_t request_id) {
    const auto& shipment = shipments_.at(request_id);
    if (shipment.unpublished == 0 && shipment.unconfirmed == 0) conclude(request_id);
}

void RedisMessenger::conclude(std::uint64_t request_id) {
    auto shipment = std::move(shipments_.extract(request_id).mapped());
    // Those that do not listen still count as gone now.
    const bool unsure = shipment.unpublished > shipment.absent || shipment.unconfirmed > shipment.absent;
    if (shipment.absent > 0) shipment.effect.complete = false;
    if (shipment.failed || (unsure && shipment.is_change)) {
        return shipment.done(unconfirmed());
    }
    if (unsure) shipment.effect.complete = false;
    shipment.done(shipment.effect);
}

void RedisMessenger::give_up_late() {
    const auto now = client_->loop()->now();
    while (!deadlines_.empty() && deadlines_.front().at <= now) {
        const auto id = deadlines_.front().request_id;
        deadlines_.pop_front();
        if (shipments_.contains(id)) conclude(id);
    }
    while (!held_.empty() && held_.front().until <= now) {
        auto held = std::move(held_.front());
        held_.pop_front();
        held.done(unconfirmed());
    }
    wake_up_in_time();
}

void RedisMessenger::wake_up_in_time() {
    if (deadlines_.empty() && held_.empty()) return;
    auto next = std::chrono::steady_clock::time_point::max();
    if (!deadlines_.empty()) next = deadlines_.front().at;
    if (!held_.empty()) next = std::min(next, held_.front().until);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - client_->loop()->now());
    timer_->start(std::max(left, std::chrono::milliseconds{0}));
}

}  // namespace cryo::broker
