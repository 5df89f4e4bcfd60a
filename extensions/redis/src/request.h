#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <cryo/loop.h>
#include <cryo/redis/client.h>
#include <cryo/redis/script.h>

namespace cryo::redis {

/// A command on its way, until its callback is called.
struct Request {
    std::string wire{};
    Client::Callback callback{};
    Loop::Clock::time_point deadline{};
    std::optional<std::uint16_t> slot{};  ///< Of a cluster. Nothing: any node.
    std::optional<Script> script{};       ///< By its name; to be sent with its source when that is not known.
    bool repeatable = false;
    bool asking = false;         ///< The slot is on its way to the node that it is sent to.
    bool counted = true;         ///< Not one of the client's own.
    std::size_t bytes = 0;       ///< What it counts for in `ClientStats::pending_bytes`.
    std::uint8_t redirects = 0;  ///< How often it was sent elsewhere or again.
    std::string last_error{};    ///< Why it was not executed the last time.
};

}  // namespace cryo::redis
