#include "generator/message.h"

#include <algorithm>
#include <cstring>

#include "generator/frames.h"

namespace load {
namespace {

constexpr std::size_t kComparedBytes = 64;

}  // namespace

Message::Message(std::size_t bytes, std::size_t max_count) : payload_(bytes), max_count_(max_count) {
    for (std::size_t i = 0; i < bytes; ++i) payload_[i] = static_cast<std::byte>('a' + i % 26);
    for (std::size_t i = 0; i < max_count; ++i) append_frame(frames_, Opcode::binary, payload_);
}

bool Message::matches(Bytes reply) const noexcept {
    return reply.size() == payload_.size() &&
           std::memcmp(reply.data(), payload_.data(), std::min(reply.size(), kComparedBytes)) == 0;
}

}  // namespace load
