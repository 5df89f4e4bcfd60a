#include "redis_side.h"

#include <utility>

#include <fmt/core.h>

#include "log.h"
#include "redis_keys.h"

namespace cryo::broker {
namespace {

/// KEYS: a list, which is taken out and answered.
const redis::Script& take_list() {
    static const redis::Script script(
        "local entries = redis.call('LRANGE', KEYS[1], 0, -1) "
        "redis.call('DEL', KEYS[1]) "
        "return entries");
    return script;
}

}  // namespace

Result<std::shared_ptr<RedisSide>> RedisSide::create(const LoopPtr& home, Settings settings) {
    std::shared_ptr<RedisSide> side(new RedisSide(std::move(settings)));
    if (auto opened = side->open(home); !opened) return std::move(opened).error();
    return side;
}

Result<> RedisSide::open(const LoopPtr& home) {
    const auto& options = *settings_.options.redis;
    auto client = redis::Client::create(home, options);
    if (!client) return std::move(client).error();
    client_ = std::move(*client);
    health_ = client_->watch_health([this](redis::Health health) { on_health(health, {}); });
    directory_ = std::make_shared<RedisDirectory>(client_);
    if (settings_.options.messaging != Messaging::redis) return {};

    auto subscriber = redis::Subscriber::create(
        home, options,
        {.message = [this](std::string_view channel, Bytes payload) { on_message(channel, as_text(payload)); },
         .health = [this](redis::Health health, std::string_view detail) { on_listening(health, detail); }});
    if (!subscriber) return std::move(subscriber).error();
    subscriber_ = std::move(*subscriber);
    replies_ = settings_.process + ":confirmed";
    messenger_ = std::make_shared<RedisMessenger>(client_, options.cluster.has_value(), replies_,
                                                  settings_.options.confirm_timeout, 2 * settings_.options.ttl);
    if (settings_.options.role != Role::worker) subscriber_->subscribe(replies_, {});
    return {};
}

RedisSide::~RedisSide() {
    health_.reset();
    if (client_) client_->stop();
}

std::shared_ptr<IRegistrar> RedisSide::registrar_of(std::shared_ptr<const Roster> roster) {
    registrar_ = std::make_shared<RedisRegistrar>(
        client_, std::move(roster),
        RedisRegistrar::Settings{settings_.process, settings_.worker_address, settings_.options.ttl});
    return registrar_;
}

void RedisSide::serve(const std::shared_ptr<Worker>& worker) {
    worker_ = worker;
    registrar_->start();
    if (!subscriber_) return registrar_->open();
    subscriber_->subscribe(keys::messages_of(settings_.process), {});
    subscriber_->subscribe(keys::actions_of(settings_.process), [this](const Result<>& subscribed) {
        if (subscribed) registrar_->open();
    });
}

void RedisSide::stop(UniqueFunction<void()> done) {
    if (!registrar_) return done();
    if (subscriber_) {
        subscriber_->unsubscribe(keys::messages_of(settings_.process));
        subscriber_->unsubscribe(keys::actions_of(settings_.process));
    }
    registrar_->stop(std::move(done));
}

// -- what other processes send ---------------------------------------------------------------------------------------

void RedisSide::on_message(std::string_view channel, std::string_view payload) {
    if (channel == replies_) {
        if (auto confirmation = wire::decode_confirmation(payload)) messenger_->confirmed(*confirmation);
    } else if (channel == keys::messages_of(settings_.process)) {
        take(wire::decode_message(payload));
    } else {
        take(wire::decode_channel_action(payload));
    }
}

template <class Decoded>
void RedisSide::take(Result<Decoded> parcel) {
    if (!parcel) {
        count(settings_.counters->refused_parcels);
        return log(settings_.options.logger, LogLevel::warning, "refused through Redis: " + parcel.error().message);
    }
    count(settings_.counters->received_parcels);
    const auto reply = std::exchange(parcel->reply, {});
    if (reply.channel.empty()) return worker_->accept({std::move(*parcel)}, [](const Result<Effect>&) {});
    // The effect is told on the thread of whoever had it.
    worker_->accept({std::move(*parcel)},
                    [weak = weak_from_this(), reply, home = client_->loop()](Result<Effect> effect) {
                        run_on(*home, [weak, reply, effect = effect.value()] {
                            if (const auto self = weak.lock()) confirm(*self->client_, reply, effect);
                        });
                    });
}

void RedisSide::confirm(redis::Client& client, const wire::ReplyAddress& address, const Effect& effect) {
    const auto payload = wire::encode(wire::Confirmation{address.request_id, effect.connections, effect.complete});
    client.command({"PUBLISH", address.channel, payload}, {}, {});
}

// -- health ----------------------------------------------------------------------------------------------------------

void RedisSide::on_health(redis::Health health, std::string_view) {
    settings_.counters->redis_ready = health == redis::Health::ready;
    const bool ready = health == redis::Health::ready;
    log(settings_.options.logger, ready ? LogLevel::info : LogLevel::warning,
        fmt::format("redis is {}", redis::to_string(health)));
}

void RedisSide::on_listening(redis::Health health, std::string_view detail) {
    messenger_->listening(health == redis::Health::ready);
    const bool ready = health == redis::Health::ready;
    log(settings_.options.logger, ready ? LogLevel::info : LogLevel::warning,
        fmt::format("redis pub/sub is {}: {}", redis::to_string(health), detail));
    if (ready && worker_) take_missed();
}

/// Changes that were asked for while this worker did not listen.
void RedisSide::take_missed() {
    client_->run(take_list(), {keys::missed_by(settings_.process)}, {}, {}, [this](const Result<redis::Reply>& reply) {
        if (!reply) return;
        for (const auto& entry : reply.value().elements()) {
            const auto text = entry.text();
            if (text.starts_with(keys::kMissedMessage)) take(wire::decode_message(text.substr(1)));
            if (text.starts_with(keys::kMissedAction)) take(wire::decode_channel_action(text.substr(1)));
        }
    });
}

}  // namespace cryo::broker
