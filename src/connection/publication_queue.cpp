#include "connection/publication_queue.h"

#include <utility>

#include "connection/group.h"
#include "connection/prepared_message.h"

namespace cryo::connection {

namespace {

constexpr std::size_t kLongBytes = 1024 * 1024;
constexpr std::size_t kLongCount = 4096;

std::size_t wire_bytes_of(const Publication& publication) noexcept {
    return publication.message.encoded()->frame.size();
}

}  // namespace

bool PublicationQueue::is_long() const noexcept {
    return wire_bytes_ >= kLongBytes || publications_.size() >= kLongCount;
}

std::uint64_t PublicationQueue::push(Publication publication) {
    const std::size_t bytes = wire_bytes_of(publication);
    QueuedPublications& queued = publication.group->queued_;
    publications_.push_back(std::move(publication));
    const std::uint64_t number = last_number();
    if (queued.first == 0) {
        queued.first = number;
        ++groups_;
    } else {
        publications_[static_cast<std::size_t>(queued.last - first_number())].next = number;
    }
    queued.last = number;
    queued.wire_bytes += bytes;
    wire_bytes_ += bytes;
    return number;
}

void PublicationQueue::trim(Group& group, std::uint64_t last) noexcept {
    QueuedPublications& queued = group.queued_;
    if (queued.first == 0) return;
    while (queued.first != 0 && queued.first <= last) {
        const Publication& gone = at(queued.first);
        queued.wire_bytes -= wire_bytes_of(gone);
        queued.first = gone.next;
    }
    if (queued.first != 0) return;
    queued.last = 0;
    --groups_;
}

void PublicationQueue::pop(std::uint64_t last) noexcept {
    const auto end = publications_.begin() + static_cast<std::ptrdiff_t>(last - popped_);
    for (auto gone = publications_.begin(); gone != end; ++gone) wire_bytes_ -= wire_bytes_of(*gone);
    publications_.erase(publications_.begin(), end);
    popped_ = last;
    if (publications_.capacity() > 2 * kLongCount && publications_.size() < kLongCount) publications_.shrink_to_fit();
}

}  // namespace cryo::connection
