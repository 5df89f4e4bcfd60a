#include "connection/output_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cryo::connection {

namespace {

constexpr std::size_t kMaxSegmentBytes = 32 * 1024;  // unless one piece takes more
constexpr std::size_t kAlwaysShareBytes = 4096;

}  // namespace

void OutputBuffer::add_segment(std::size_t at_least) {
    if (bytes_ == 0) segments_.clear();  // the one kept for reuse, which is too small
    const std::size_t usual = segments_.empty() ? kFirstSegmentBytes : segments_.back().next_capacity;
    Segment segment;
    // A large piece is alone in its segment, or it would leave much room; what comes behind it is mostly small.
    if (at_least > kMaxSegmentBytes / 3) {
        segment.capacity = at_least;
    } else {
        segment.capacity = std::max(usual, at_least);
        segment.next_capacity = std::min(2 * usual, kMaxSegmentBytes);
    }
    segment.owned = std::make_unique_for_overwrite<std::byte[]>(segment.capacity);
    segment.data = segment.owned.get();
    segments_.push_back(std::move(segment));
}

std::size_t OutputBuffer::capacity() const noexcept {
    std::size_t sum = 0;
    for (const Segment& segment : segments_) sum += segment.capacity;
    return sum;
}

void OutputBuffer::shrink(std::size_t count) noexcept {
    segments_.back().end -= count;
    bytes_ -= count;
    if (bytes_ == 0) recycle();
}

void OutputBuffer::append(Bytes data) {
    if (!data.empty()) std::memcpy(extend(data.size()).data(), data.data(), data.size());
}

void OutputBuffer::append_shared(std::shared_ptr<const PreparedMessage::Encoded> owner, Bytes view) {
    if (!empty() && view.size() < kAlwaysShareBytes) return append(view);
    Segment segment;
    segment.owner = std::move(owner);
    segment.data = view.data();
    segment.end = view.size();
    segments_.push_back(std::move(segment));
    bytes_ += view.size();
}

std::size_t OutputBuffer::gather(std::span<Bytes> out) const noexcept {
    std::size_t used = 0;
    for (std::size_t i = first_; i < segments_.size() && used < out.size(); ++i) {
        const Segment& segment = segments_[i];
        if (segment.end > segment.begin) out[used++] = {segment.data + segment.begin, segment.end - segment.begin};
    }
    return used;
}

void OutputBuffer::advance(std::size_t count) noexcept {
    while (count > 0) {
        Segment& segment = segments_[first_];
        const std::size_t taken = std::min(count, segment.end - segment.begin);
        segment.begin += taken;
        count -= taken;
        if (segment.begin < segment.end) break;
        segment = Segment{};
        ++first_;
    }
    // Segments that have left are forgotten once they are the larger part: linear over all.
    if (first_ > 16 && first_ * 2 > segments_.size()) {
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

/// All but a first one that is worth keeping.
void OutputBuffer::forget_segments() noexcept {
    segments_.resize(!segments_.empty() && segments_.front().worth_keeping() ? 1 : 0);
    if (segments_.capacity() > 64) segments_.shrink_to_fit();
}

std::unique_ptr<OutputBuffer> OutputBufferPool::take() {
    if (spare_.empty()) return std::make_unique<OutputBuffer>();
    auto buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
}

void OutputBufferPool::give_back(std::unique_ptr<OutputBuffer> buffer) noexcept {
    if (spare_.size() >= kMaxSpare) return;
    if (!buffer->empty()) buffer->recycle();
    spare_.push_back(std::move(buffer));
}

}  // namespace cryo::connection
