#pragma once

#include <cstddef>

#include <cryo/export.h>
#include <cryo/result.h>

namespace cryo::hub {

/// Limits of a hub. Those of one receiver's queue are the server's `Backpressure`.
struct HubOptions {
    std::size_t max_topic_bytes = 256;  ///< Of a topic's name.
    std::size_t max_id_bytes = 256;     ///< Of a connection id, a user, a session.
    std::size_t max_topics_per_subscriber = 1'000;
    std::size_t max_topics = 1'000'000;       ///< With a subscriber in this process.
    std::size_t max_subscribers = 1'000'000;  ///< In this process.

    /// What other threads have published, and commanded, waits for a loop up to here; what comes on top is dropped for
    /// that loop, and counted.
    std::size_t max_waiting = 100'000;
    std::size_t max_waiting_bytes = 64u << 20;

    std::size_t max_listed = 100'000;  ///< Entries in the answer to one `list` or `list_topics`.

    /// Every problem of these options at once, one a line, or success.
    CRYO_API Result<> validate() const;
};

}  // namespace cryo::hub
