#pragma once

#include <cstdint>

namespace cryo::redis {

/// A number from 0 to `bound` - 1, for jitter and for choosing between equals.
std::uint32_t random_below(std::uint32_t bound) noexcept;

}  // namespace cryo::redis
