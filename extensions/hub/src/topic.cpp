#include "topic.h"

#include "loop_part.h"

namespace cryo::hub {

Topic::Place Topic::add(Member member) {
    Place place{.form = branch_for(member.subscriber->form())};
    Branch& branch = *branches_[place.form];
    if (const ConnectionPtr connection = member.subscriber->outlet().connection()) {
        if (!branch.group) branch.group = ConnectionGroup::create(member.subscriber->part().loop());
        // Not when it is in there already, for another subscriber of the same connection.
        place.grouped = branch.group && branch.group->add(*connection);
    }
    auto& list = members(place);
    place.slot = static_cast<std::uint32_t>(list.size());
    list.push_back(member);
    ++size_;
    return place;
}

Topic::Member Topic::remove(const Place& place) {
    auto& list = members(place);
    if (place.grouped) {
        const ConnectionPtr connection = list[place.slot].subscriber->outlet().connection();
        if (connection) branches_[place.form]->group->remove(*connection);
    }
    Member moved{nullptr, 0};
    if (place.slot + 1 < list.size()) moved = list[place.slot] = list.back();
    list.pop_back();
    if (list.capacity() > 64 && list.size() * 4 < list.capacity()) list.shrink_to_fit();
    --size_;
    return moved;
}

/// Takes over a branch that nobody is left on, if there is one.
std::uint32_t Topic::branch_for(const std::shared_ptr<const IWireForm>& form) {
    std::size_t found = branches_.size();
    for (std::size_t i = 0; i < branches_.size(); ++i) {
        if (branches_[i]->form == form) return static_cast<std::uint32_t>(i);
        if (branches_[i]->grouped.empty() && branches_[i]->others.empty()) found = i;
    }
    if (found == branches_.size()) branches_.push_back(std::make_unique<Branch>());
    branches_[found]->form = form;
    return static_cast<std::uint32_t>(found);
}

}  // namespace cryo::hub
