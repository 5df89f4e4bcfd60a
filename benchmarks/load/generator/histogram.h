#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace load {

/// Durations in buckets that grow with them: percentiles are exact to 1/64.
class Histogram {
public:
    void record(std::chrono::nanoseconds duration) noexcept {
        const auto value =
            static_cast<std::uint64_t>(std::clamp<std::int64_t>(duration.count(), 0, std::int64_t{kLimit} - 1));
        ++counts_[bucket(value)];
        ++total_;
        max_ = std::max(max_, value);
    }

    std::uint64_t total() const noexcept { return total_; }
    double max_us() const noexcept { return static_cast<double>(max_) / 1000; }

    /// The least duration, in microseconds, that `share` of all do not exceed; 0 when there are none.
    double percentile_us(double share) const noexcept {
        const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            below += counts_[i];
            if (below > rank) return static_cast<double>(std::min(highest(i), max_)) / 1000;
        }
        return max_us();
    }

private:
    static constexpr unsigned kStepBits = 6;
    static constexpr std::uint64_t kSteps = 1 << kStepBits;
    static constexpr unsigned kLimitBits = 40;  // 18 minutes
    static constexpr std::uint64_t kLimit = std::uint64_t{1} << kLimitBits;

    /// Every power of two has `kSteps` buckets; below `kSteps` each value has its own.
    static constexpr std::size_t bucket(std::uint64_t value) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > kStepBits + 1 ? width - kStepBits - 1 : 0;
        return shift * kSteps + (value >> shift);
    }
    static constexpr std::uint64_t highest(std::size_t bucket) noexcept {
        const std::size_t shift = bucket < 2 * kSteps ? 0 : bucket / kSteps - 1;
        return ((bucket - shift * kSteps + 1) << shift) - 1;
    }

    std::array<std::uint32_t, (kLimitBits - kStepBits + 1) * kSteps> counts_{};
    std::uint64_t total_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace load
