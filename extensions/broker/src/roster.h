#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <cryo/broker/target.h>
#include <cryo/hub/subscriber.h>

namespace cryo::broker {

/// A connection that this worker has let in, or is about to.
struct Member {
    std::string id{};
    std::string user{};
    std::string session{};
    std::vector<std::string> channels{};  ///< In the order of subscribing. Home loop only.
    hub::SubscriberPtr subscriber{};

    std::atomic<std::chrono::sys_seconds> last_ping{};
    /// It was disconnected, maybe before it opened.
    std::atomic<bool> ended = false;
};

using MemberPtr = std::shared_ptr<Member>;

/// The members of a worker, by id, user and channel. Home loop only.
class Roster {
public:
    /// False when the id is taken.
    bool add(const MemberPtr& member);
    /// False when it is not here.
    bool remove(const MemberPtr& member);

    /// Those that a target means: by `id`, else by `channel`, else by `user`; the last two of a session, if given.
    std::vector<MemberPtr> find(const Target& target) const;
    std::vector<MemberPtr> all() const;
    std::size_t size() const noexcept { return members_.size(); }

    /// False when it is so already.
    bool subscribe(const MemberPtr& member, const std::string& channel);
    bool unsubscribe(const MemberPtr& member, const std::string& channel);

private:
    using Group = std::unordered_set<MemberPtr>;
    using Groups = std::unordered_map<std::string, Group>;

    static void leave(Groups& groups, const std::string& name, const MemberPtr& member);
    static std::vector<MemberPtr> of_session(const Groups& groups, const std::string& name, const std::string& session);

    std::unordered_map<std::string, MemberPtr> members_{};
    Groups users_{};
    Groups channels_{};
};

}  // namespace cryo::broker
