#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/connection.h>

namespace cryo::connection {

/// Bytes on their way to one socket: the encoded frames of this turn, and what a slow peer has not taken yet.
///
/// A list of segments, each either filled here or shared with other connections. Small shared frames are copied once
/// something is already waiting, so that bookkeeping never outweighs the bytes.
class OutputBuffer {
public:
    bool empty() const noexcept { return bytes_ == 0; }
    std::size_t bytes() const noexcept { return bytes_; }
    /// Memory of the segments filled here, at most half as much again as is in them, and some kilobytes.
    std::size_t capacity() const noexcept;

    /// Appends `count` bytes for the caller to fill in at once.
    std::span<std::byte> extend(std::size_t count) {
        if (segments_.empty() || segments_.back().end + count > segments_.back().capacity) add_segment(count);
        Segment& last = segments_.back();
        const std::size_t at = std::exchange(last.end, last.end + count);
        bytes_ += count;
        return {last.owned.get() + at, count};
    }
    /// Takes back the last `count` bytes of the latest `extend`.
    void shrink(std::size_t count) noexcept;
    void append(Bytes data);
    /// `view` lies within `owner`, which is kept alive until the bytes have left.
    void append_shared(std::shared_ptr<const PreparedMessage::Encoded> owner, Bytes view);

    /// All bytes when they lie in one piece, as they mostly do; else nothing.
    Bytes whole() const noexcept {
        if (segments_.size() != 1) return {};
        const Segment& only = segments_.front();
        return {only.data + only.begin, only.end - only.begin};
    }
    /// The first bytes, as up to `out.size()` pieces; returns the pieces used.
    std::size_t gather(std::span<Bytes> out) const noexcept;
    void consume(std::size_t count) noexcept {
        bytes_ -= count;
        if (bytes_ == 0) return recycle();
        advance(count);
    }

    /// Forgets everything; keeps the first segment's memory for reuse, up to 64 KiB. An empty buffer is recycled.
    void recycle() noexcept {
        if (segments_.size() != 1 || !segments_.front().worth_keeping()) forget_segments();
        if (!segments_.empty()) segments_.front().begin = segments_.front().end = 0;
        bytes_ = 0;
        first_ = 0;
    }

private:
    static constexpr std::size_t kFirstSegmentBytes = 2048;
    static constexpr std::size_t kMaxKeptBytes = 64 * 1024;

    struct Segment {
        std::unique_ptr<std::byte[]> owned{};
        std::shared_ptr<const PreparedMessage::Encoded> owner{};
        const std::byte* data = nullptr;
        std::size_t begin = 0, end = 0, capacity = 0;  // capacity 0: shared
        std::size_t next_capacity = kFirstSegmentBytes;

        bool worth_keeping() const noexcept { return capacity != 0 && capacity <= kMaxKeptBytes; }
    };

    void add_segment(std::size_t at_least);
    void advance(std::size_t count) noexcept;
    void forget_segments() noexcept;

    std::vector<Segment> segments_{};
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
};

/// Spare output buffers of one loop: a connection has one only while it has something to send.
class OutputBufferPool {
public:
    std::unique_ptr<OutputBuffer> take();
    void give_back(std::unique_ptr<OutputBuffer> buffer) noexcept;

private:
    static constexpr std::size_t kMaxSpare = 64;
    std::vector<std::unique_ptr<OutputBuffer>> spare_{};
};

}  // namespace cryo::connection
