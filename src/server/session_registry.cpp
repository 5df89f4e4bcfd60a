#include "server/session_registry.h"

namespace cryo::server {

bool SessionRegistry::insert(const Entry& session) {
    const std::lock_guard lock(mutex_);
    return sessions_.try_emplace(session->id(), Slot{session, false}).second;
}

void SessionRegistry::erase(const session::SessionHandle& session) {
    Entry last;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session.id());
    if (found == sessions_.end() || found->second.session.get() != &session) return;
    if (found->second.announced) --announced_;
    last = std::move(found->second.session);
    sessions_.erase(found);
}

bool SessionRegistry::contains(const SessionId& id) const {
    const std::lock_guard lock(mutex_);
    return sessions_.contains(id);
}

SessionRegistry::Entry SessionRegistry::find(const SessionId& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(id);
    return found != sessions_.end() && found->second.announced ? found->second.session : nullptr;
}

void SessionRegistry::announce(const session::SessionHandle& session) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session.id());
    if (found == sessions_.end() || found->second.session.get() != &session || found->second.announced) return;
    found->second.announced = true;
    ++announced_;
}

std::vector<SessionRegistry::Entry> SessionRegistry::announced() const {
    const std::lock_guard lock(mutex_);
    std::vector<Entry> all;
    all.reserve(announced_);
    for (const auto& [id, slot] : sessions_) {
        if (slot.announced) all.push_back(slot.session);
    }
    return all;
}

std::size_t SessionRegistry::announced_count() const {
    const std::lock_guard lock(mutex_);
    return announced_;
}

}  // namespace cryo::server
