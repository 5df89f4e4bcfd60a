#include "connection/batch.h"

#include <utility>

#include "connection/group.h"
#include "connection/prepared_message.h"

namespace cryo::connection {

namespace {

constexpr std::size_t kSmallFrameBytes = 4 * 1024;
constexpr std::size_t kKeptBytes = 256 * 1024;

bool is_small(Bytes frame) noexcept { return frame.size() < kSmallFrameBytes; }

}  // namespace

/// Small frames are put together once, rather than by the kernel for each receiver.
void Batch::gather(const PublicationQueue& queue, const Group& group, std::uint64_t last) {
    first_ = group.queued_.first;
    sent_ = {};
    pieces_.clear();
    joined_.clear();
    joins_ = false;
    std::size_t small_bytes = 0, small_count = 0;
    for (std::uint64_t number = first_; number != 0 && number <= last; number = queue.at(number).next) {
        const auto& message = *queue.at(number).message.encoded();
        last_ = number;
        sent_ += {1, message.payload().size(), message.frame.size()};
        if (is_small(message.frame)) {
            small_bytes += message.frame.size();
            ++small_count;
        }
    }
    if (joined_.capacity() > kKeptBytes && small_bytes < kKeptBytes) joined_ = {};
    if (small_count > 1) joined_.reserve(small_bytes);  // pieces refer to it
    for (std::uint64_t number = first_; number != 0 && number <= last; number = queue.at(number).next) {
        const Bytes frame = queue.at(number).message.encoded()->frame;
        append(frame, small_count > 1 && is_small(frame));
    }
}

void Batch::append(Bytes frame, bool small) {
    if (!small) {
        pieces_.push_back(frame);
        joins_ = false;
        return;
    }
    const std::size_t before = joins_ ? pieces_.back().size() : 0;
    joined_.insert(joined_.end(), frame.begin(), frame.end());
    if (!std::exchange(joins_, true)) pieces_.emplace_back();
    pieces_.back() = Bytes(joined_).last(before + frame.size());
}

}  // namespace cryo::connection
