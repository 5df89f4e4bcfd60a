#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/cluster/node_bus.h>

#include "bus_shared.h"

namespace cryo::cluster {

class NodeBus;

/// Takes calls from any thread to the bus's loop.
class BusPort final : public IBusPort, public std::enable_shared_from_this<BusPort> {
public:
    BusPort(std::string name, PortHandlers port_handlers, std::weak_ptr<NodeBus> bus,
            std::shared_ptr<BusShared> shared);

    SendStatus publish(std::string_view topic, Bytes payload) override;
    SendStatus send(std::string_view node, Bytes payload) override;
    void ask(Bytes question, AskOptions options, UniqueFunction<void(Answers)> done) override;
    void subscribe(std::string_view topic, UniqueFunction<void(Result<>)> done) override;
    void unsubscribe(std::string_view topic) override;
    void close() override;

    const std::string& name() const noexcept { return name_; }
    bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

    const PortHandlers handlers;  ///< Called by the bus, while the port is not closed.

private:
    enum class Way { publish, send };
    SendStatus hand_over(Way way, std::string_view target, Bytes payload);
    /// Runs it on the bus's loop: at once when this is its thread. False when there is no bus any more.
    template <class Task>
    bool on_bus(Task task);

    const std::string name_;
    const std::weak_ptr<NodeBus> bus_;  ///< To be locked on the loop's thread only: it may be the last to hold it.
    const std::shared_ptr<BusShared> shared_;
    std::atomic<bool> closed_{false};
};

}  // namespace cryo::cluster
