#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cryo/connection.h>

namespace cryo::connection {

class Group;

/// Where a publication was called for, which says what it has to come after.
enum class From : std::uint8_t {
    loop,  ///< Here: after what other threads have sent, also if it has not arrived.
    task,  ///< On another thread that had this posted: all of that has arrived, and what has not comes later.
};

struct Publication {
    PreparedMessage message;
    Group* group;
    From from = From::loop;
    bool nested = false;     ///< Published by a callback of another one's delivery.
    std::uint64_t next = 0;  ///< Number of the next one of this group, 0: none.
};

/// Numbers of one group's publications in the queue, 0: none. They are linked by `Publication::next`.
struct QueuedPublications {
    std::uint64_t first = 0, last = 0;
    std::size_t wire_bytes = 0;
};

/// What was published on one loop and has not gone to all it is for, numbered in the order of the calls: 1, 2, 3...
/// Numbers stay while older publications leave.
class PublicationQueue {
public:
    bool empty() const noexcept { return publications_.empty(); }
    std::uint64_t last_number() const noexcept { return popped_ + publications_.size(); }
    std::uint64_t first_number() const noexcept { return popped_ + 1; }
    const Publication& at(std::uint64_t number) const noexcept {
        return publications_[static_cast<std::size_t>(number - popped_ - 1)];
    }
    /// So long that it should leave before the end of the turn.
    bool is_long() const noexcept;
    /// How many groups have something in it.
    std::size_t groups() const noexcept { return groups_; }

    /// Returns its number.
    std::uint64_t push(Publication publication);
    /// The first of a group, up to that number, have gone to all its members.
    void trim(Group& group, std::uint64_t last) noexcept;
    /// All up to that number have been trimmed.
    void pop(std::uint64_t last) noexcept;

private:
    std::vector<Publication> publications_{};
    std::uint64_t popped_ = 0;
    std::size_t wire_bytes_ = 0;
    std::size_t groups_ = 0;
};

}  // namespace cryo::connection
