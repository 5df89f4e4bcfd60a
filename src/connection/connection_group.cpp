#include <utility>

#include <cryo/connection_group.h>

#include "connection/public_loop.h"
#include "connection/websocket_connection.h"

namespace cryo {

namespace {

using connection::LoopContext;
using connection::WebSocketConnection;

/// The group that applications see.
class LoopGroup final : public ConnectionGroup {
public:
    explicit LoopGroup(std::shared_ptr<LoopContext> context)
        : context_(std::move(context)), group_(context_->fan_out.make_group()) {}

    bool add(Connection& connection) override {
        auto* const known = dynamic_cast<WebSocketConnection*>(&connection);
        return known && group_->add(*known);
    }
    bool remove(Connection& connection) override {
        auto* const known = dynamic_cast<WebSocketConnection*>(&connection);
        return known && group_->remove(*known);
    }
    bool contains(const Connection& connection) const noexcept override {
        const auto* const known = dynamic_cast<const WebSocketConnection*>(&connection);
        return known && group_->contains(*known);
    }
    std::size_t size() const noexcept override { return group_->size(); }
    void send(const PreparedMessage& message, std::span<const Connection* const> except) override {
        group_->send(message, connection::From::loop, except);
    }

private:
    std::shared_ptr<LoopContext> context_;
    connection::GroupPtr group_;
};

}  // namespace

std::unique_ptr<ConnectionGroup> ConnectionGroup::create(const LoopPtr& loop) {
    const auto known = std::dynamic_pointer_cast<connection::PublicLoop>(loop);
    return known ? std::make_unique<LoopGroup>(known->context()) : nullptr;
}

}  // namespace cryo
