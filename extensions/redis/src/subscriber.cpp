#include <utility>

#include <cryo/redis/subscriber.h>

#include "cluster_client.h"
#include "secret.h"
#include "subscriber_core.h"

namespace cryo::redis {
namespace {

/// What the application holds. The core may outlive it: one of its handlers may be what destroys this.
class SubscriberHandle final : public Subscriber {
public:
    explicit SubscriberHandle(std::shared_ptr<SubscriberCore> core) : core_(std::move(core)) {}
    ~SubscriberHandle() override {
        core_->stop();
        const LoopPtr loop = core_->loop();
        if (loop->in_loop_thread()) loop->at_turn_end([core = std::move(core_)] {});
    }

    void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) override {
        core_->subscribe(channel, std::move(done));
    }
    void unsubscribe(std::string_view channel) override { core_->unsubscribe(channel); }
    Health health() const noexcept override { return core_->health(); }
    SubscriberStats stats() const override { return core_->stats(); }
    void stop() override { core_->stop(); }

private:
    std::shared_ptr<SubscriberCore> core_;
};

}  // namespace

Result<std::unique_ptr<Subscriber>> Subscriber::create(LoopPtr loop, Options options, SubscriberHandlers handlers,
                                                       SubscriberOptions subscriber) {
    const WipeAtEnd wipe_at_end(options);
    if (auto valid = options.validate(); !valid) return std::move(valid).error();
    if (subscriber.sharded && !options.cluster) {
        return Error{Errc::invalid_option, "sharded is for clusters only: cluster is not set"};
    }
    std::shared_ptr<const TlsContext> tls;
    if (options.tls) {
        auto made = TlsContext::create(*options.tls);
        if (!made) return std::move(made).error();
        tls = std::move(made).value();
    }
    std::shared_ptr<SubscriberCore> core;
    if (subscriber.sharded) {
        auto cluster = std::make_shared<ClusterClient>(std::move(loop), options, tls);
        core = make_sharded_subscriber(std::move(cluster), options, tls, std::move(handlers), subscriber, true);
    } else {
        core = make_plain_subscriber(std::move(loop), options, tls, std::move(handlers), subscriber);
    }
    core->start();
    return std::unique_ptr<Subscriber>(std::make_unique<SubscriberHandle>(std::move(core)));
}

}  // namespace cryo::redis
