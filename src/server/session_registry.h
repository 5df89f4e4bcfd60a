#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <cryo/session_id.h>

#include "session/session_handle.h"

namespace cryo::server {

/// The Cryo sessions of a server by id. An id is taken from the verdict of the validator until its connection starts to
/// close.
///
/// Thread safety: any thread.
class SessionRegistry {
public:
    using Entry = std::shared_ptr<session::SessionHandle>;

    /// False when the id is taken.
    bool insert(const Entry& session);
    void erase(const session::SessionHandle& session);

    bool contains(const SessionId& id) const;
    /// Null when there is none, or it may not talk yet.
    Entry find(const SessionId& id) const;
    /// The session may talk: it can be found and counts.
    void announce(const session::SessionHandle& session);
    std::vector<Entry> announced() const;
    std::size_t announced_count() const;

private:
    struct Slot {
        Entry session{};
        bool announced = false;
    };

    mutable std::mutex mutex_{};
    std::unordered_map<SessionId, Slot> sessions_{};
    std::size_t announced_ = 0;
};

}  // namespace cryo::server
