#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string_view>

namespace soak {

struct Statistics {
    std::uint64_t opened = 0;
    std::uint64_t reconnects = 0;  ///< Of these: under the sid of the session before.
    std::uint64_t sid_in_use = 0;  ///< Reconnects after a kill that the server had not yet noticed.
    std::uint64_t echoes = 0;
    std::uint64_t echoed_bytes = 0;
    std::uint64_t pings = 0;
    std::uint64_t clean_closes = 0;
    std::uint64_t kills = 0;
    std::uint64_t abandoned_echoes = 0;  ///< Outstanding when their session was killed.
    std::uint64_t slow_readings = 0;
    std::uint64_t malformed = 0;               ///< Sessions ended by what they sent.
    std::uint64_t misfits = 0;                 ///< Connections that never became a session, on purpose.
    std::chrono::milliseconds longest_turn{};  ///< Of the client's own loop. Seconds: the machine is too busy to judge.
    std::uint64_t failures = 0;                ///< What the server must not do.

    /// Also prints the first ones.
    void fail(std::string_view what) {
        constexpr std::uint64_t kPrinted = 50;
        if (++failures <= kPrinted) std::cerr << "FAILURE: " << what << std::endl;
    }
};

}  // namespace soak
