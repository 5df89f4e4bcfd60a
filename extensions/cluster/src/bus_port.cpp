#include "bus_port.h"

#include <utility>

#include "node_bus.h"

namespace cryo::cluster {
namespace {

std::vector<std::byte> copy_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// What a call that waits costs beside its payload; roughly.
constexpr std::size_t kCallBytes = 128;

}  // namespace

BusPort::BusPort(std::string name, PortHandlers port_handlers, std::weak_ptr<NodeBus> bus,
                 std::shared_ptr<BusShared> shared)
    : handlers(std::move(port_handlers)), name_(std::move(name)), bus_(std::move(bus)), shared_(std::move(shared)) {}

template <class Task>
bool BusPort::on_bus(Task task) {
    // Before the start there is one thread, and no loop to post to.
    if (!shared_->started() || shared_->in_loop_thread()) {
        const auto bus = bus_.lock();
        if (bus) task(*bus);
        return bus != nullptr;
    }
    return shared_->loop->post([bus = bus_, task = std::move(task)]() mutable {
        if (const auto alive = bus.lock()) task(*alive);
    });
}

SendStatus BusPort::publish(std::string_view topic, Bytes payload) { return hand_over(Way::publish, topic, payload); }

SendStatus BusPort::send(std::string_view node, Bytes payload) { return hand_over(Way::send, node, payload); }

SendStatus BusPort::hand_over(Way way, std::string_view target, Bytes payload) {
    if (closed() || shared_->health == Health::stopped) return SendStatus::closed;
    if (shared_->in_loop_thread()) {
        const auto bus = bus_.lock();
        if (!bus) return SendStatus::closed;
        return way == Way::publish ? bus->publish(*this, target, payload) : bus->send(*this, target, payload);
    }
    if (payload.size() > shared_->max_payload) {
        shared_->counters.too_large.add();
        return SendStatus::too_large;
    }
    const auto bytes = kCallBytes + target.size() + payload.size();
    if (!shared_->begin_wait(bytes)) {
        shared_->counters.dropped.add();
        return SendStatus::dropped;
    }
    const bool posted = on_bus(
        [self = shared_from_this(), way, bytes, to = std::string(target), copy = copy_of(payload)](NodeBus& bus) {
            self->shared_->end_wait(bytes);
            if (way == Way::publish) {
                bus.publish(*self, to, copy);
            } else {
                bus.send(*self, to, copy);
            }
        });
    return posted ? SendStatus::queued : SendStatus::closed;
}

void BusPort::ask(Bytes question, AskOptions options, UniqueFunction<void(Answers)> done) {
    if (!shared_->started()) return;
    const auto bytes = kCallBytes + question.size();
    const bool inside = shared_->in_loop_thread();
    if (!inside && !shared_->begin_wait(bytes)) {
        on_bus([self = shared_from_this(), to = std::move(options), then = std::move(done)](NodeBus& bus) mutable {
            bus.fail_ask(std::move(to), std::move(then));
        });
        return;
    }
    on_bus([self = shared_from_this(), waited = inside ? 0 : bytes, copy = copy_of(question), to = std::move(options),
            then = std::move(done)](NodeBus& bus) mutable {
        self->shared_->end_wait(waited);
        bus.ask(*self, copy, std::move(to), std::move(then));
    });
}

void BusPort::subscribe(std::string_view topic, UniqueFunction<void(Result<>)> done) {
    on_bus([self = shared_from_this(), name = std::string(topic), then = std::move(done)](NodeBus& bus) mutable {
        bus.subscribe(self, std::move(name), std::move(then));
    });
}

void BusPort::unsubscribe(std::string_view topic) {
    on_bus([self = shared_from_this(), name = std::string(topic)](NodeBus& bus) { bus.unsubscribe(*self, name); });
}

void BusPort::close() {
    if (closed_.exchange(true)) return;
    on_bus([self = shared_from_this()](NodeBus& bus) { bus.forget(*self); });
}

}  // namespace cryo::cluster
