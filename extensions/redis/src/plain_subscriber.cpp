#include <utility>

#include "sentinel.h"
#include "subscriber_core.h"

namespace cryo::redis {
namespace {

/// Listens on one server; in a cluster any node will do, since each passes on what is published to the others.
class PlainSubscriber final : public SubscriberCore {
public:
    PlainSubscriber(LoopPtr loop, const Options& options, const std::shared_ptr<const TlsContext>& tls,
                    SubscriberHandlers handlers, const SubscriberOptions& subscriber)
        : SubscriberCore(std::move(loop), options, tls, std::move(handlers), subscriber),
          feed_(make_feed(make_locator(loop_, options, resolver_, tls), false)) {}

    void start() override { feed_->start(); }

private:
    Feed* feed_of(std::string_view) override { return feed_->up() ? feed_.get() : nullptr; }
    void stop_feeds() override { feed_->stop(); }
    bool connected() const override { return feed_->up(); }
    std::string place() const override { return feed_->place(); }

    const std::unique_ptr<Feed> feed_;
};

}  // namespace

std::shared_ptr<SubscriberCore> make_plain_subscriber(LoopPtr loop, const Options& options,
                                                      std::shared_ptr<const TlsContext> tls,
                                                      SubscriberHandlers handlers,
                                                      const SubscriberOptions& subscriber) {
    return std::make_shared<PlainSubscriber>(std::move(loop), options, tls, std::move(handlers), subscriber);
}

}  // namespace cryo::redis
