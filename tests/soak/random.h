#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace soak {

/// The same seed gives the same choices, so that two rounds put the same load on the server.
class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

    /// From 0 to `limit`, exclusive.
    std::uint32_t below(std::uint32_t limit) { return word() % limit; }

    void fill(std::span<std::byte> bytes) {
        for (auto& byte : bytes) byte = static_cast<std::byte>(word());
    }

    bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }

    /// Exponentially distributed, as the time between independent events is.
    std::chrono::milliseconds around(std::chrono::milliseconds mean) {
        const double drawn = std::exponential_distribution(1.0)(engine_) * static_cast<double>(mean.count());
        return std::chrono::milliseconds(static_cast<std::int64_t>(drawn));
    }

    std::chrono::milliseconds between(std::chrono::milliseconds least, std::chrono::milliseconds most) {
        return least + std::chrono::milliseconds(below(static_cast<std::uint32_t>((most - least).count())));
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace soak
