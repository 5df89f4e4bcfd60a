#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cryo/bytes.h>

#include "connection/publication_queue.h"
#include "connection/sent.h"

namespace cryo::connection {

/// Publications of one group, put together for one write a member. Reused, to keep its memory.
class Batch {
public:
    /// All that is queued of a group up to that number; the queue must keep it for as long as this is used.
    void gather(const PublicationQueue& queue, const Group& group, std::uint64_t last);

    std::uint64_t first() const noexcept { return first_; }
    std::uint64_t last() const noexcept { return last_; }
    const Sent& sent() const noexcept { return sent_; }
    const std::vector<Bytes>& pieces() const noexcept { return pieces_; }

private:
    void append(Bytes frame, bool small);

    std::uint64_t first_ = 0, last_ = 0;
    Sent sent_{};
    std::vector<Bytes> pieces_{};
    std::vector<std::byte> joined_{};
    bool joins_ = false;  // the last piece is the end of `joined_`
};

}  // namespace cryo::connection
