#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace cryo::websocket {

/// Bytes that grow without being zeroed before they are written.
class ByteBuffer {
public:
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::span<std::byte> contents() const noexcept { return {bytes_.get(), size_}; }

    /// The room behind the contents; what is written there counts after commit().
    std::span<std::byte> room() const noexcept { return {bytes_.get() + size_, capacity_ - size_}; }
    void commit(std::size_t bytes) noexcept { size_ += bytes; }

    /// Moves the contents to `capacity` bytes, at least size().
    void reallocate(std::size_t capacity) {
        std::unique_ptr<std::byte[]> bytes(new std::byte[capacity]);
        if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
        bytes_ = std::move(bytes);
        capacity_ = capacity;
    }

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace cryo::websocket
