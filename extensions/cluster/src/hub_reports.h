#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cryo/hub/relay.h>
#include <cryo/unique_function.h>

namespace cryo::cluster {

/// What became of other nodes' commands here, until they ask; or who asked, until it is known.
///
/// Thread safety: any thread. Remembers the latest commands only: those asked about are asked about at once. And only
/// so many may wait: a command that was lost never comes, and who waits for it holds a right to answer of the bus,
/// which has 1,024 by default (`BusOptions::max_questions`).
class HubReports {
public:
    using Handler = UniqueFunction<void(hub::Outcome)>;

    /// The command has come, and will be carried out.
    void begin(std::uint64_t token);
    /// It has been carried out.
    void tell(std::uint64_t token, hub::Outcome outcome);
    /// Calls back when it has been; destroyed uncalled when too many others are asked for before that.
    /// @param may_come it may be on its way still; if not, and it has not come, nobody was reached
    void ask(std::uint64_t token, bool may_come, Handler handler);

private:
    struct Report {
        bool known = false;
        hub::Outcome outcome{};
        Handler waiting{};
    };
    static constexpr std::size_t kRemembered = 8192;
    static constexpr std::size_t kMaxParked = 512;

    // With the lock held; handlers that are forgotten are added to `forgotten`, to be destroyed without it.
    Report& at(std::uint64_t token, std::vector<Handler>& forgotten);
    void park(std::uint64_t token, Handler handler, std::vector<Handler>& forgotten);
    /// What waits for it, which does so no more; empty when nothing does.
    Handler unpark(std::uint64_t token, Report& report);

    std::mutex mutex_;
    std::unordered_map<std::uint64_t, Report> reports_;
    std::deque<std::uint64_t> oldest_;
    std::vector<std::uint64_t> parked_;  ///< Those with somebody waiting, the oldest first.
};

}  // namespace cryo::cluster
