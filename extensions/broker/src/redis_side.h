#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <cryo/broker/options.h>
#include <cryo/loop.h>
#include <cryo/redis/client.h>
#include <cryo/redis/subscriber.h>

#include "counters.h"
#include "redis_directory.h"
#include "redis_messenger.h"
#include "redis_registrar.h"
#include "worker.h"

namespace cryo::broker {

/// All that a broker has to do with Redis: its client, what it listens to, and the parts that use them.
///
/// Thread safety: the home loop; `create` before it runs.
class RedisSide : public std::enable_shared_from_this<RedisSide> {
public:
    struct Settings {
        const BrokerOptions& options;
        std::string process{};         ///< This process's id: the worker's, if it is one.
        std::string worker_address{};  ///< Where the worker takes messages by HTTP; empty: it does not.
        std::shared_ptr<Counters> counters{};
    };

    /// Errors: of the Redis options.
    static Result<std::shared_ptr<RedisSide>> create(const LoopPtr& home, Settings settings);

    ~RedisSide();
    RedisSide(const RedisSide&) = delete;
    RedisSide& operator=(const RedisSide&) = delete;

    const std::shared_ptr<redis::Client>& client() const noexcept { return client_; }
    std::shared_ptr<IDirectory> directory() const noexcept { return directory_; }
    /// Null unless parcels go through Redis.
    std::shared_ptr<IMessenger> messenger() const noexcept { return messenger_; }

    /// Registers the worker of this process, and hands it what is sent to it.
    std::shared_ptr<IRegistrar> registrar_of(std::shared_ptr<const Roster> roster);
    void serve(const std::shared_ptr<Worker>& worker);

    /// Takes the worker off the books.
    void stop(UniqueFunction<void()> done);

private:
    explicit RedisSide(Settings settings) : settings_(std::move(settings)) {}

    Result<> open(const LoopPtr& home);
    void on_message(std::string_view channel, std::string_view payload);
    template <class Decoded>
    void take(Result<Decoded> parcel);
    static void confirm(redis::Client& client, const wire::ReplyAddress& address, const Effect& effect);
    void on_health(redis::Health health, std::string_view detail);
    void on_listening(redis::Health health, std::string_view detail);
    void take_missed();

    Settings settings_;
    std::string replies_{};
    std::shared_ptr<RedisRegistrar> registrar_{};
    std::shared_ptr<RedisDirectory> directory_{};
    std::shared_ptr<RedisMessenger> messenger_{};
    std::shared_ptr<Worker> worker_{};
    // Last, so that they go first: what they have not answered yet they answer then.
    std::unique_ptr<redis::HealthWatch> health_{};
    std::unique_ptr<redis::Subscriber> subscriber_{};
    std::shared_ptr<redis::Client> client_{};
};

}  // namespace cryo::broker
