#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include <cryo/bytes.h>

namespace load {

using cryo::Bytes;

/// Bytes on their way out. Its memory stays, and is not zeroed again.
class Output {
public:
    /// Room for `count` more bytes, to be filled in at once.
    std::byte* extend(std::size_t count) {
        if (memory_.size() - size_ < count) memory_.resize(std::max(2 * memory_.size(), size_ + count));
        std::byte* const room = memory_.data() + size_;
        size_ += count;
        return room;
    }

    void append(Bytes data) {
        if (!data.empty()) std::memcpy(extend(data.size()), data.data(), data.size());
    }

    bool empty() const noexcept { return size_ == 0; }
    Bytes contents() const noexcept { return Bytes(memory_).first(size_); }
    void clear() noexcept { size_ = 0; }

private:
    std::vector<std::byte> memory_;
    std::size_t size_ = 0;
};

}  // namespace load
