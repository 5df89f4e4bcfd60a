#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "soak/random.h"
#include "soak/wire.h"

namespace soak {

/// One message. Its payload is its number, so that any two differ, followed by a slice of random data that is known by
/// its place: what waits for its echo costs no copy.
struct Message {
    FrameType type = FrameType::binarydata;
    std::uint32_t ack_id = 0;
    std::uint32_t number = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

constexpr std::size_t kNumberBytes = 8;

/// Hexadecimal, to be valid in text.
std::array<std::byte, kNumberBytes> number_bytes(const Message& message);

class Payloads {
public:
    explicit Payloads(Random& random);

    /// Text or binary, mostly small, one in a hundred of 64 KiB.
    Message draw(Random& random) const;
    Message draw_large(Random& random) const;

    /// What follows the number.
    Bytes slice(const Message& message) const;

private:
    Message draw_of(std::uint32_t most, Random& random) const;

    std::vector<std::byte> text_, binary_;
};

}  // namespace soak
