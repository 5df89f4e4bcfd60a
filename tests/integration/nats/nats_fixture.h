#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <cryo/nats/pub_sub.h>

namespace cryo::test {

/// With short times.
inline nats::Options quick_nats(std::string server) {
    nats::Options options;
    options.servers = {std::move(server)};
    options.retry_max = std::chrono::milliseconds(200);
    options.ping_interval = std::chrono::milliseconds(500);
    return options;
}

inline std::unique_ptr<cluster::IPubSub> connect_nats(nats::Options options) {
    auto made = nats::make_pub_sub(std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(made).value();
}

inline std::unique_ptr<cluster::IPubSub> connect_nats(std::uint16_t port) {
    return connect_nats(quick_nats("nats://127.0.0.1:" + std::to_string(port)));
}

}  // namespace cryo::test
