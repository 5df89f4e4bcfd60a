#include "soak/load.h"

#include <algorithm>
#include <array>
#include <string>

#include <sys/epoll.h>
#include <unistd.h>

namespace soak {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSeed = 20;
constexpr std::size_t kReadBufferBytes = 256u << 10;
constexpr auto kTick = 10ms;
constexpr unsigned kOpeningsPerTick = 20;
constexpr auto kMaxFinish = 60s;  // more than any client takes to give up

}  // namespace

Load::Load(const Target& target, std::size_t clients, Statistics& statistics)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      context_{.target = target,
               .statistics = statistics,
               .epoll = epoll_,
               .random = Random(kSeed),
               .payloads = Payloads(context_.random),
               .read_buffer = std::vector<std::byte>(kReadBufferBytes),
               .now = Clock::now()},
      next_tick_(context_.now) {
    clients_.reserve(clients);
    for (std::uint32_t i = 0; i < clients; ++i) clients_.push_back(std::make_unique<ClientSession>(context_, i));
}

Load::~Load() { ::close(epoll_); }

void Load::run(std::chrono::seconds time, const std::function<bool()>& every_second) {
    const Instant finish_at = context_.now + time;
    Instant next_second = context_.now + 1s;
    while (!all_idle() || !context_.finishing) {
        turn();
        if (!context_.finishing && context_.now >= finish_at) {
            context_.finishing = true;
            for (const auto& client : clients_) client->finish();
        }
        if (context_.now >= finish_at + kMaxFinish) return context_.statistics.fail("the round does not end");
        if (context_.now < next_second) continue;
        next_second += 1s;
        if (!every_second()) return;
    }
}

void Load::turn() {
    using std::chrono::milliseconds;
    const auto turn_end = Clock::now();
    auto& longest = context_.statistics.longest_turn;
    longest = std::max(longest, std::chrono::duration_cast<milliseconds>(turn_end - context_.now));

    std::array<epoll_event, 512> events;
    const auto until_tick = std::max(std::chrono::ceil<milliseconds>(next_tick_ - turn_end), 0ms);
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(until_tick.count()));
    context_.now = Clock::now();
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        clients_[event.data.u32]->on_event(event.events);
    }
    if (context_.now < next_tick_) return;
    next_tick_ = context_.now + kTick;
    context_.openings_left = kOpeningsPerTick;
    for (const auto& client : clients_) client->on_tick();
}

bool Load::all_idle() const {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->is_idle(); });
}

std::size_t Load::open_sessions() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(clients_, [](const auto& client) { return client->is_open(); }));
}

}  // namespace soak
