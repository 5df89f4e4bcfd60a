#include "connection/group.h"

#include "connection/fan_out.h"

namespace cryo::connection {

// The last thing that each of these does is to call: callbacks may end the group.

bool Group::add(WebSocketConnection& connection) { return fan_out_.add(*this, connection); }
bool Group::remove(WebSocketConnection& connection) { return fan_out_.remove(*this, connection); }
bool Group::contains(const WebSocketConnection& connection) const noexcept {
    return fan_out_.contains(*this, connection);
}
void Group::send(const PreparedMessage& message, From from, std::span<const Connection* const> except) {
    fan_out_.publish(*this, message, from, except);
}

}  // namespace cryo::connection
