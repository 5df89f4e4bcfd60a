#include <memory>
#include <string_view>
#include <utility>

#include <cryo/cluster/node_bus.h>
#include <cryo/server.h>

namespace cryo::cluster {
namespace {

class BusExtension final : public IExtension {
public:
    explicit BusExtension(std::shared_ptr<INodeBus> bus) : bus_(std::move(bus)) {}

    std::string_view name() const noexcept override { return "cluster"; }
    Result<> on_start(Server& server) override { return bus_->start(server.loops().front()); }
    void on_stop(Server&, StopHold hold) override {
        bus_->stop([kept = std::move(hold)]() mutable { kept.release(); });
    }

private:
    std::shared_ptr<INodeBus> bus_;
};

}  // namespace

std::shared_ptr<IExtension> make_bus_extension(std::shared_ptr<INodeBus> bus) {
    return std::make_shared<BusExtension>(std::move(bus));
}

}  // namespace cryo::cluster
