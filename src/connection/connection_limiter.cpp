#include "connection/connection_limiter.h"

namespace cryo::connection {

bool ConnectionLimiter::enter() noexcept {
    if (connections_.fetch_add(1, std::memory_order_relaxed) < max_connections_) return true;
    leave();
    return false;
}

ConnectionLimiter::Verdict ConnectionLimiter::admit(const std::string& address) {
    if (sessions_.fetch_add(1, std::memory_order_relaxed) >= max_sessions_) {
        sessions_.fetch_sub(1, std::memory_order_relaxed);
        return Verdict::too_many;
    }
    if (max_sessions_per_ip_ == 0) return Verdict::admitted;
    const std::lock_guard lock(mutex_);
    std::size_t& count = by_address_[address];
    if (count >= max_sessions_per_ip_) {
        sessions_.fetch_sub(1, std::memory_order_relaxed);
        return Verdict::too_many_of_address;
    }
    ++count;
    return Verdict::admitted;
}

void ConnectionLimiter::release(const std::string& address) {
    sessions_.fetch_sub(1, std::memory_order_relaxed);
    if (max_sessions_per_ip_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

}  // namespace cryo::connection
