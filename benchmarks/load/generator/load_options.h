#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace load {

enum class Protocol { websocket, cryo, cale };

struct LoadOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::string path{};
    std::string scenario = "echo";
    std::string protocol_name = "websocket";
    Protocol protocol = Protocol::websocket;
    bool tls = false;
    std::string token = "secret";
    std::uint32_t connections = 100;
    std::uint32_t bytes = 64;
    std::uint32_t depth = 1;
    std::uint32_t rate = 10'000;
    std::uint32_t seconds = 5;
    std::uint32_t warmup_ms = 1000;
    std::uint32_t server_pid = 0;

    std::chrono::seconds duration() const { return std::chrono::seconds(seconds); }
    std::chrono::milliseconds warmup_duration() const { return std::chrono::milliseconds(warmup_ms); }
};

/// Reads and checks the command line, and raises the limit of open files to what the system allows.
/// @returns the code to exit with at once: 0 after `--help`, 2 for a wrong command line; or nothing: go on
std::optional<int> parse_options(int argc, const char* const* argv, LoadOptions& options);

}  // namespace load
