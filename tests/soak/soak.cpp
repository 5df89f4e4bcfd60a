// Puts a Cryo echo server under the load of thousands of clients, good and bad, and looks at what it leaves behind.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include <sys/resource.h>

#include "common/options.h"
#include "soak/load.h"
#include "soak/server_process.h"
#include "soak/statistics.h"

namespace {

using namespace std::chrono_literals;

constexpr auto kProgram = "cryo-soak";
constexpr auto kSummary =
    R"(Drives a Cryo echo server on 127.0.0.1 (cryo-echo, without CALE) with thousands of sessions. They connect at a
bounded rate, send text and binary messages, mostly small, and check each ack, each echo and their order; they close
cleanly, reset their connections, stop reading for seconds, send malformed frames, come back under the same sid. Others
never become sessions: half a handshake, garbage, a wrong token, gone before the answer.

The time is shared by two identical rounds; each ends with every client gone. The first one shows what the server needs:
its allocator keeps freed memory for reuse, so the resident memory after a round is not what it was before any load, but
a second round must do with the memory of the first. With 10,000 sessions, some 20,000 echoes a second, both sides need
about half a core each; on a machine too busy for that the server's timeouts count as failures. It fails when
  - an echo or an ack is lost, changed or out of order on a session that was not killed;
  - the server closes, refuses, or keeps a connection against the protocol;
  - the server has more files open after a round than before any load;
  - its resident memory after the second round is over 1.2 times that after the first, plus 16 MiB.
Exit code: 0 none of these, 1 failed, 2 wrong use.)";

constexpr int kRounds = 2;
constexpr auto kProgressInterval = 10s;
constexpr auto kMaxSettle = 30s;       // for the server to notice that all are gone: its longest timeout, and more
constexpr auto kAllocatorSettle = 2s;  // for its last deferred work
constexpr std::size_t kOtherFiles = 100;

struct Settings {
    std::uint64_t seconds = 600;
    std::uint64_t sessions = 10'000;
    unsigned server_pid = 0;
    soak::Target target{.token = "secret"};
};

struct Footprint {
    std::size_t resident_kib = 0;
    std::size_t open_files = 0;
};

double to_mib(std::size_t kib) { return static_cast<double>(kib) / 1024; }

class Soak {
public:
    explicit Soak(const Settings& settings) : settings_(settings), server_(settings.server_pid) {}

    int run();

private:
    void run_round(int number);
    bool every_second(int round, const soak::Load& load);
    void print_progress(int round, const soak::Load& load);
    Footprint settle();
    void judge(const Footprint& end);
    void print_summary(const Footprint& end) const;

    const Settings& settings_;
    const soak::ServerProcess server_;
    soak::Statistics statistics_;
    soak::Statistics reported_;  // at the progress line before
    const soak::Instant started_at_ = soak::Clock::now();
    soak::Instant reported_at_ = started_at_;
    Footprint before_, warm_;
    std::size_t peak_kib_ = 0;
};

int Soak::run() {
    before_ = {server_.resident_kib(), server_.open_files()};
    Footprint after;
    for (int round = 1; round <= kRounds && server_.is_running(); ++round) {
        run_round(round);
        after = settle();
        if (round == 1) warm_ = after;
    }
    judge(after);
    print_summary(after);
    return statistics_.failures == 0 ? 0 : 1;
}

void Soak::run_round(int number) {
    soak::Load load(settings_.target, settings_.sessions, statistics_);
    load.run(std::chrono::seconds(settings_.seconds / kRounds), [&] { return every_second(number, load); });
    print_progress(number, load);
}

bool Soak::every_second(int round, const soak::Load& load) {
    peak_kib_ = std::max(peak_kib_, server_.resident_kib());
    if (!server_.is_running()) return false;
    if (soak::Clock::now() - reported_at_ >= kProgressInterval) print_progress(round, load);
    return true;
}

void Soak::print_progress(int round, const soak::Load& load) {
    const auto now = soak::Clock::now();
    const double elapsed = std::chrono::duration<double>(now - std::exchange(reported_at_, now)).count();
    const auto last = std::exchange(reported_, statistics_);
    std::printf("%5.0f s  round %d  %zu connected  %.0f echoes/s  %zu reconnects  %zu kills  server %.1f MiB\n",
                std::chrono::duration<double>(now - started_at_).count(), round, load.open_sessions(),
                static_cast<double>(statistics_.echoes - last.echoes) / elapsed,
                statistics_.reconnects - last.reconnects, statistics_.kills - last.kills,
                to_mib(server_.resident_kib()));
    std::fflush(stdout);
}

Footprint Soak::settle() {
    const auto give_up_at = soak::Clock::now() + kMaxSettle;
    while (server_.open_files() > before_.open_files && soak::Clock::now() < give_up_at) {
        std::this_thread::sleep_for(100ms);
    }
    std::this_thread::sleep_for(kAllocatorSettle);
    const Footprint footprint{server_.resident_kib(), server_.open_files()};
    if (footprint.open_files > before_.open_files) statistics_.fail("the server keeps files open");
    return footprint;
}

std::size_t limit_kib(const Footprint& warm) { return warm.resident_kib * 12 / 10 + (16u << 10); }

void Soak::judge(const Footprint& end) {
    if (end.resident_kib > limit_kib(warm_)) statistics_.fail("the server's memory grows");
    if (!server_.is_running()) statistics_.fail("the server has ended");
    if (statistics_.echoes == 0) statistics_.fail("no echo at all");
}

void Soak::print_summary(const Footprint& end) const {
    const auto& count = statistics_;
    std::printf("\nsessions   %zu opened, %zu of them under the sid before (%zu times it was still in use)\n",
                count.opened, count.reconnects, count.sid_in_use);
    std::printf("endings    %zu clean, %zu killed (%zu echoes outstanding), %zu for malformed frames\n",
                count.clean_closes, count.kills, count.abandoned_echoes, count.malformed);
    std::printf("misfits    %zu connections that never became a session\n", count.misfits);
    std::printf("messages   %zu echoed, %.1f MiB; %zu slow readers, %zu pings answered\n", count.echoes,
                static_cast<double>(count.echoed_bytes) / (1 << 20), count.slow_readings, count.pings);
    std::printf("client     away from its sockets for up to %.1f s\n",
                std::chrono::duration<double>(count.longest_turn).count());
    std::printf("memory     start %.1f MiB, peak %.1f, after the first round %.1f, end %.1f (limit %.1f)\n",
                to_mib(before_.resident_kib), to_mib(peak_kib_), to_mib(warm_.resident_kib), to_mib(end.resident_kib),
                to_mib(limit_kib(warm_)));
    std::printf("open files start %zu, after the first round %zu, end %zu\n", before_.open_files, warm_.open_files,
                end.open_files);
    std::printf("failures   %zu\n%s\n", count.failures, count.failures == 0 ? "OK" : "FAILED");
}

/// What keeps the settings from being run; empty: nothing.
std::string problem_of(const Settings& settings) {
    if (settings.target.port == 0) return "--port is needed";
    if (settings.sessions == 0 || settings.seconds < kRounds) return "nothing to do";
    if (!soak::ServerProcess(settings.server_pid).is_running()) return "--server-pid is not a process";
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < settings.sessions + kOtherFiles) return "too few open files allowed, see ulimit -n";
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    example::Options options(kProgram, kSummary);
    options.value("port", "N", "the server's port", settings.target.port);
    options.value("server-pid", "PID", "the server's process, to be measured", settings.server_pid);
    options.value("token", "TOKEN", "token that the server accepts", settings.target.token);
    options.value("sessions", "N", "concurrent clients", settings.sessions);
    options.value("seconds", "N", "time under load, both rounds together", settings.seconds);
    if (const auto exit_code = options.parse(argc, argv)) return *exit_code;
    if (const auto problem = problem_of(settings); !problem.empty()) {
        std::cerr << kProgram << ": " << problem << "; see " << kProgram << " --help\n";
        return 2;
    }
    return Soak(settings).run();
}
