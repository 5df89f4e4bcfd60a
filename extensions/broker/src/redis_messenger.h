#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/client.h>

#include "effect.h"

namespace cryo::broker {

/// Publishes to the workers' channels in Redis, and waits for those that confirm.
///
/// A change for a worker that nobody listens for is left in Redis: should the worker have lost its subscription only,
/// it makes the change when it has it again. As long as it is registered, that is waited for.
class RedisMessenger final : public IMessenger {
public:
    /// @param reply_channel where confirmations come: hand them to `confirmed`
    /// @param lifetime of changes that are left for a worker: as long as it may be registered without being there
    RedisMessenger(std::shared_ptr<redis::Client> client, bool is_cluster, std::string reply_channel,
                   std::chrono::milliseconds patience, std::chrono::milliseconds lifetime);
    ~RedisMessenger() override;

    void send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) override;
    void confirmed(const wire::Confirmation& confirmation);
    /// Whether confirmations can be heard now. If not, nobody is asked for one, and changes that have to be confirmed
    /// wait, as long as confirmations may take.
    void listening(bool listens);

private:
    /// A parcel on its way.
    struct Shipment {
        EffectHandler done;
        Effect effect{};
        std::size_t unpublished = 0;
        std::size_t unconfirmed = 0;
        std::size_t absent = 0;  ///< Of the unpublished: for workers that are registered, but do not listen.
        bool is_change = false;
        bool failed = false;
    };
    /// What goes to one worker.
    struct Post {
        std::uint64_t request_id = 0;
        std::string worker{};
        std::shared_ptr<const std::string> payload{};
        bool is_action = false;
        bool awaited = false;  ///< A confirmation is.
        bool left = false;     ///< It is among what the worker has missed.
        bool absent = false;   ///< It is counted so.
    };
    /// A change that waits for the time when its confirmations can be heard.
    struct Held {
        std::chrono::steady_clock::time_point until;
        std::vector<WorkerRoute> workers;
        Parcel parcel;
        EffectHandler done;
    };
    struct Deadline {
        std::chrono::steady_clock::time_point at;
        std::uint64_t request_id;
    };

    void hold(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done);
    void publish(Post post);
    void published(Post post, const Result<redis::Reply>& receivers);
    void leave(Post post);
    void look_for_worker(Post post);
    void settle(const Post& post, bool refused, bool gone);
    void publish_again();
    void conclude_if_done(std::uint64_t request_id);
    void conclude(std::uint64_t request_id);
    void give_up_late();
    void wake_up_in_time();

    const std::shared_ptr<redis::Client> client_;
    const bool is_cluster_;
    const std::string reply_channel_;
    const std::chrono::milliseconds patience_;
    const std::string lifetime_;
    std::unordered_map<std::uint64_t, Shipment> shipments_{};
    std::deque<Held> held_{};
    std::deque<Deadline> deadlines_{};  // in order: all have the same patience
    std::vector<Post> again_{};
    std::unique_ptr<LoopTimer> timer_, again_timer_;
    std::uint64_t last_id_ = 0;
    bool listens_ = false;
};

}  // namespace cryo::broker
