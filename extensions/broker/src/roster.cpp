#include "roster.h"

#include <algorithm>

namespace cryo::broker {

bool Roster::add(const MemberPtr& member) {
    if (!members_.emplace(member->id, member).second) return false;
    if (!member->user.empty()) users_[member->user].insert(member);
    for (const auto& channel : member->channels) channels_[channel].insert(member);
    return true;
}

bool Roster::remove(const MemberPtr& member) {
    const auto found = members_.find(member->id);
    if (found == members_.end() || found->second != member) return false;
    members_.erase(found);
    leave(users_, member->user, member);
    for (const auto& channel : member->channels) leave(channels_, channel, member);
    return true;
}

std::vector<MemberPtr> Roster::find(const Target& target) const {
    if (!target.id.empty()) {
        const auto found = members_.find(target.id);
        return found == members_.end() ? std::vector<MemberPtr>() : std::vector{found->second};
    }
    if (!target.channel.empty()) return of_session(channels_, target.channel, target.session);
    return of_session(users_, target.user, target.session);
}

std::vector<MemberPtr> Roster::all() const {
    std::vector<MemberPtr> members;
    members.reserve(members_.size());
    for (const auto& [id, member] : members_) members.push_back(member);
    return members;
}

bool Roster::subscribe(const MemberPtr& member, const std::string& channel) {
    if (!channels_[channel].insert(member).second) return false;
    member->channels.push_back(channel);
    return true;
}

bool Roster::unsubscribe(const MemberPtr& member, const std::string& channel) {
    if (std::erase(member->channels, channel) == 0) return false;
    leave(channels_, channel, member);
    return true;
}

void Roster::leave(Groups& groups, const std::string& name, const MemberPtr& member) {
    const auto group = groups.find(name);
    if (group == groups.end()) return;
    group->second.erase(member);
    if (group->second.empty()) groups.erase(group);
}

std::vector<MemberPtr> Roster::of_session(const Groups& groups, const std::string& name, const std::string& session) {
    std::vector<MemberPtr> members;
    const auto group = groups.find(name);
    if (name.empty() || group == groups.end()) return members;
    for (const auto& member : group->second) {
        if (session.empty() || member->session == session) members.push_back(member);
    }
    return members;
}

}  // namespace cryo::broker
