#include "generator/load_options.h"

#include <array>
#include <csignal>
#include <iostream>
#include <string_view>

#include <sys/resource.h>

#include "common/options.h"
#include "generator/scenario.h"

namespace load {
namespace {

constexpr auto kProgram = "cryo-load";
constexpr auto kSummary =
    "Loads a WebSocket server, from one thread, and prints what that took as one line of JSON.\n\n"
    "  echo       every connection keeps --depth messages in flight\n"
    "  rate       --rate messages a second over all connections; latency counts from the scheduled time\n"
    "  broadcast  one connection sends, all receive; --depth messages in flight\n"
    "  accept     connections are opened and reset, --depth of them at a time\n"
    "  idle       memory of --connections before and after one echo each, and what opening and closing them takes";

constexpr std::uint32_t kMaxBytes = 16 << 20;
constexpr std::uint32_t kMaxDepth = 4096;
constexpr std::uint64_t kMaxInFlightBytes = 64 << 20;
constexpr std::uint32_t kMaxRate = 10'000'000;
constexpr std::uint32_t kMaxSeconds = 3600;
constexpr std::uint32_t kMaxWarmupMs = 60'000;
/// Standard streams, epoll, and what is read from /proc.
constexpr std::uint64_t kOtherFiles = 16;

constexpr std::array<std::pair<std::string_view, Protocol>, 3> kProtocols{
    {{"websocket", Protocol::websocket}, {"cryo", Protocol::cryo}, {"cale", Protocol::cale}}};

std::uint64_t raise_open_file_limit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
    files.rlim_cur = files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0;
}

bool choose_protocol(LoadOptions& options) {
    for (const auto& [name, protocol] : kProtocols) {
        if (name != options.protocol_name) continue;
        options.protocol = protocol;
        return true;
    }
    return false;
}

bool between(std::uint32_t value, std::uint32_t low, std::uint32_t high) { return value >= low && value <= high; }

/// What keeps the options from being run; empty: nothing.
std::string problem_of(const LoadOptions& options) {
    if (options.port == 0) return "--port is needed";
    if (options.server_pid == 0 || kill(static_cast<pid_t>(options.server_pid), 0) != 0) {
        return "--server-pid must be the server's process";
    }
    if (!find_scenario(options.scenario)) return "--scenario must be echo, rate, broadcast, accept or idle";
    if (!options.path.empty() && options.path.front() != '/') return "--path must begin with /";
    if (!between(options.bytes, 1, kMaxBytes)) return "--bytes must be 1 to " + std::to_string(kMaxBytes);
    if (!between(options.depth, 1, kMaxDepth)) return "--depth must be 1 to " + std::to_string(kMaxDepth);
    if (std::uint64_t{options.bytes} * options.depth > kMaxInFlightBytes) return "--bytes times --depth is too much";
    if (!between(options.rate, 1, kMaxRate)) return "--rate must be 1 to " + std::to_string(kMaxRate);
    if (!between(options.seconds, 1, kMaxSeconds)) return "--seconds must be 1 to " + std::to_string(kMaxSeconds);
    if (options.warmup_ms > kMaxWarmupMs) return "--warmup-ms must be at most " + std::to_string(kMaxWarmupMs);
    if (options.connections == 0) return "--connections must be at least 1";
    if (const auto files = raise_open_file_limit(); options.connections + kOtherFiles > files) {
        return "--connections is too much for the limit of " + std::to_string(files) + " open files, see ulimit -Hn";
    }
    return {};
}

std::string default_path(const LoadOptions& options) {
    if (options.scenario == "broadcast") return "/broadcast";
    return options.protocol == Protocol::websocket ? "/ws" : "/";
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, LoadOptions& options) {
    example::Options command_line(kProgram, kSummary);
    command_line.value("host", "ADDRESS", "the server's address", options.host);
    command_line.value("port", "N", "the server's port", options.port);
    command_line.value("path", "PATH", "(default: /broadcast for broadcast, else /ws for websocket and / for sessions)",
                       options.path);
    command_line.value("scenario", "NAME", "echo, rate, broadcast, accept or idle", options.scenario);
    command_line.value("protocol", "NAME", "websocket, or Cryo sessions: cryo, cale", options.protocol_name);
    command_line.flag("tls", "connect with TLS; the certificate is not checked", options.tls);
    command_line.value("token", "TOKEN", "what Cryo sessions present", options.token);
    command_line.value("connections", "N", "connections", options.connections);
    command_line.value("bytes", "N", "size of a message's payload", options.bytes);
    command_line.value("depth", "N", "messages in flight, or with accept connections", options.depth);
    command_line.value("rate", "N", "messages a second", options.rate);
    command_line.value("seconds", "N", "time to measure; not with idle", options.seconds);
    command_line.value("warmup-ms", "N", "milliseconds under load before", options.warmup_ms);
    command_line.value("server-pid", "PID", "the server's process, to be measured", options.server_pid);
    if (const auto exit_code = command_line.parse(argc, argv)) return exit_code;

    std::string problem = problem_of(options);
    if (!choose_protocol(options)) problem = "--protocol must be websocket, cryo or cale";
    if (!problem.empty()) {
        std::cerr << kProgram << ": " << problem << "; see " << kProgram << " --help\n";
        return 2;
    }
    if (options.path.empty()) options.path = default_path(options);
    return std::nullopt;
}

}  // namespace load
