#pragma once

#include <cstddef>
#include <cstdint>

namespace cryo::connection {

/// Messages that were given to a socket.
struct Sent {
    std::uint64_t messages = 0, payload_bytes = 0;
    std::size_t wire_bytes = 0;

    Sent& operator+=(const Sent& other) noexcept {
        messages += other.messages;
        payload_bytes += other.payload_bytes;
        wire_bytes += other.wire_bytes;
        return *this;
    }
};

}  // namespace cryo::connection
