#include "hub_reports.h"

#include <utility>

namespace cryo::cluster {

// Handlers are called, and those forgotten destroyed, without the lock.

void HubReports::begin(std::uint64_t token) {
    std::vector<Handler> forgotten;
    {
        const std::lock_guard lock(mutex_);
        at(token, forgotten);
    }
}

void HubReports::tell(std::uint64_t token, hub::Outcome outcome) {
    std::vector<Handler> forgotten;
    Handler waiting;
    {
        const std::lock_guard lock(mutex_);
        auto& report = at(token, forgotten);
        report.known = true;
        report.outcome = outcome;
        waiting = unpark(token, report);
    }
    if (waiting) waiting(outcome);
}

void HubReports::ask(std::uint64_t token, bool may_come, Handler handler) {
    std::vector<Handler> forgotten;
    hub::Outcome outcome;
    {
        const std::lock_guard lock(mutex_);
        const auto found = reports_.find(token);
        const bool has_come = found != reports_.end();
        if (has_come && found->second.known) {
            outcome = found->second.outcome;
        } else if (has_come || may_come) {
            return park(token, std::move(handler), forgotten);
        }
    }
    handler(outcome);
}

HubReports::Report& HubReports::at(std::uint64_t token, std::vector<Handler>& forgotten) {
    const auto [entry, is_new] = reports_.try_emplace(token);
    if (!is_new) return entry->second;
    oldest_.push_back(token);
    if (oldest_.size() > kRemembered) {
        const auto oldest = reports_.find(oldest_.front());
        oldest_.pop_front();
        forgotten.push_back(unpark(oldest->first, oldest->second));
        reports_.erase(oldest);
    }
    return reports_.find(token)->second;
}

void HubReports::park(std::uint64_t token, Handler handler, std::vector<Handler>& forgotten) {
    auto& report = at(token, forgotten);
    forgotten.push_back(unpark(token, report));  // whoever asked for the same one before
    if (parked_.size() == kMaxParked) {
        const auto oldest = parked_.front();
        forgotten.push_back(unpark(oldest, reports_.find(oldest)->second));
    }
    parked_.push_back(token);
    report.waiting = std::move(handler);
}

HubReports::Handler HubReports::unpark(std::uint64_t token, Report& report) {
    if (!report.waiting) return {};
    std::erase(parked_, token);
    return std::exchange(report.waiting, {});
}

}  // namespace cryo::cluster
