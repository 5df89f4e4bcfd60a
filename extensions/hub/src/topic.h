#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <cryo/connection_group.h>
#include <cryo/hub/receiver.h>

namespace cryo::hub {

class SubscriberImpl;

/// The subscribers of one topic, or all subscribers, on one loop. Those of one wire form are together, and of these the
/// plain connections in a group, so that one call reaches them.
///
/// Adding and removing a member is O(1), also while a publication runs. Loop thread only.
class Topic {
public:
    /// Where a member is. `index` is the member's own, to be told of changes with.
    struct Place {
        std::uint32_t form = 0;
        std::uint32_t slot = 0;
        bool grouped = false;
    };
    struct Member {
        SubscriberImpl* subscriber;
        std::uint32_t index;
    };
    /// All of one wire form.
    struct Branch {
        std::shared_ptr<const IWireForm> form{};
        std::unique_ptr<ConnectionGroup> group{};  ///< Made for the first plain connection.
        std::vector<Member> grouped{};             ///< Who is in it.
        std::vector<Member> others{};
    };

    explicit Topic(std::string_view name) noexcept : name_(name) {}

    /// Valid while it is in the directory.
    std::string_view name() const noexcept { return name_; }
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    std::size_t form_count() const noexcept { return branches_.size(); }
    Branch& branch(std::size_t form) noexcept { return *branches_[form]; }

    Place add(Member member);
    /// @return whose place has become the removed one's, so that the caller tells it; `subscriber` null: nobody's
    Member remove(const Place& place);
    /// The caller moves a member within its subscriptions.
    void set_index(const Place& place, std::uint32_t index) noexcept { members(place)[place.slot].index = index; }

    bool released = false;  ///< LoopPart: on its list of topics to look at when the present operation has ended.

    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& branch : branches_) {
            for (const Member& member : branch->grouped) visit(*member.subscriber);
            for (const Member& member : branch->others) visit(*member.subscriber);
        }
    }

private:
    std::uint32_t branch_for(const std::shared_ptr<const IWireForm>& form);
    std::vector<Member>& members(const Place& place) noexcept {
        Branch& branch = *branches_[place.form];
        return place.grouped ? branch.grouped : branch.others;
    }

    std::string_view name_;
    std::vector<std::unique_ptr<Branch>> branches_{};  // stay where they are for as long as the topic does
    std::size_t size_ = 0;
};

}  // namespace cryo::hub
