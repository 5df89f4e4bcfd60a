#include <utility>

#include <cryo/redis/client.h>

#include "client_core.h"
#include "secret.h"

namespace cryo::redis {
namespace {

/// What the application holds. The core may outlive it: one of its callbacks may be what destroys this.
class ClientHandle final : public Client {
public:
    explicit ClientHandle(std::shared_ptr<ClientCore> core) : core_(std::move(core)) {}
    ~ClientHandle() override {
        core_->stop();
        const LoopPtr loop = core_->loop();
        if (loop->in_loop_thread()) loop->at_turn_end([core = std::move(core_)] {});
    }

    void command(Words words, CommandOptions options, Callback callback) override {
        core_->command(words, options, std::move(callback));
    }
    void run(const Script& script, Words keys, Words arguments, CommandOptions options, Callback callback) override {
        core_->run(script, keys, arguments, options, std::move(callback));
    }
    Health health() const noexcept override { return core_->health(); }
    std::unique_ptr<HealthWatch> watch_health(std::function<void(Health)> handler) override {
        return core_->watch_health(std::move(handler));
    }
    ClientStats stats() const override { return core_->stats(); }
    const LoopPtr& loop() const noexcept override { return core_->loop(); }
    void stop() override { core_->stop(); }

private:
    std::shared_ptr<ClientCore> core_;
};

}  // namespace

std::string_view to_string(Health health) noexcept {
    switch (health) {
        case Health::connecting:
            return "connecting";
        case Health::ready:
            return "ready";
        case Health::away:
            return "away";
        case Health::stopped:
            return "stopped";
    }
    return "unknown";
}

Result<std::unique_ptr<Client>> Client::create(LoopPtr loop, Options options) {
    const WipeAtEnd wipe_at_end(options);
    if (auto valid = options.validate(); !valid) return std::move(valid).error();
    std::shared_ptr<const TlsContext> tls;
    if (options.tls) {
        auto made = TlsContext::create(*options.tls);
        if (!made) return std::move(made).error();
        tls = std::move(made).value();
    }
    auto core = options.cluster ? make_cluster_client(std::move(loop), options, std::move(tls))
                                : make_single_client(std::move(loop), options, std::move(tls));
    core->start();
    return std::unique_ptr<Client>(std::make_unique<ClientHandle>(std::move(core)));
}

}  // namespace cryo::redis
