#pragma once

#include <cstddef>
#include <vector>

#include "generator/output.h"

namespace load {

/// The one message that is sent over and over.
class Message {
public:
    /// @param max_count most of them that `frames` is asked for
    Message(std::size_t bytes, std::size_t max_count);

    Bytes payload() const noexcept { return payload_; }
    /// `count` ready-made binary WebSocket frames.
    Bytes frames(std::size_t count) const noexcept {
        return frames_.contents().first(frames_.contents().size() / max_count_ * count);
    }
    /// By length and first bytes.
    bool matches(Bytes reply) const noexcept;

private:
    std::vector<std::byte> payload_;
    std::size_t max_count_;
    Output frames_;
};

}  // namespace load
