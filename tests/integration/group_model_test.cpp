// Groups and everything else at once, compared with a model.

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "group_fixture.h"

namespace cryo::test {
namespace {

/// Random members of random groups, each of whom must get what a list of its own says. The model is the loop's.
class GroupModel : public GroupTest, public ::testing::WithParamInterface<unsigned> {
protected:
    struct Modelled {
        Peer peer;
        bool slow = false;
        bool open = true;
        std::deque<std::string> expected{};
    };
    using ModelledPtr = std::unique_ptr<Modelled>;

    struct ModelledGroup {
        GroupHandle group{};
        std::set<Modelled*> members{};
    };

    int pick(int below) { return std::uniform_int_distribution(0, below - 1)(random_); }
    template <class T>
    T& any(std::vector<T>& of) {
        return of[static_cast<std::size_t>(pick(static_cast<int>(of.size())))];
    }

    virtual std::string next_text() {
        const int kind = pick(100);
        const std::size_t padding = kind < 1 ? 80'000 : kind < 10 ? 3'000 : static_cast<std::size_t>(pick(40));
        return std::to_string(++last_text_) + std::string(padding, '.');
    }

    void make_groups(std::size_t count) {
        act([&] {
            while (groups_.size() < count) groups_.push_back({new_group()});
        });
    }

    void send_to_group() {
        ModelledGroup& to = any(groups_);
        const auto text = next_text();
        std::vector<const Connection*> except;
        std::set<Modelled*> members = to.members;
        for (int n = pick(6) - 3; n > 0; --n) {
            Modelled& left_out = *any(members_);
            except.push_back(left_out.peer.connection.get());
            members.erase(&left_out);
        }
        for (Modelled* member : members) member->expected.push_back(text);
        send(*to.group, text, std::move(except));
    }
    void broadcast_to_all() {
        const auto text = next_text();
        for (const auto& member : members_) {
            if (member->open) member->expected.push_back(text);
        }
        broadcast(text);
    }
    virtual void send_to_any() {
        Modelled& member = *any(members_);
        const auto text = next_text();
        if (member.open) member.expected.push_back(text);
        const auto status = member.peer.connection->send_text(text);
        if (member.open) {
            EXPECT_TRUE(status == SendStatus::sent || status == SendStatus::queued);
        }
    }
    void join_or_leave() {
        ModelledGroup& group = any(groups_);
        Modelled& member = *any(members_);
        Connection& connection = *member.peer.connection;
        const bool was_in = group.members.contains(&member);
        EXPECT_EQ(group.group->contains(connection), was_in);
        EXPECT_EQ(group.group->size(), group.members.size());
        if (pick(2) == 0) {
            if (!was_in && member.open) group.members.insert(&member);
            EXPECT_EQ(group.group->add(connection), !was_in && member.open);
        } else {
            group.members.erase(&member);
            EXPECT_EQ(group.group->remove(connection), was_in);
        }
    }
    void close_any() {
        Modelled& member = *any(members_);
        member.peer.connection->close(4000);  // before which handlers may find it where it was
        member.open = false;
        for (ModelledGroup& group : groups_) group.members.erase(&member);
    }
    void renew_any_group() {
        ModelledGroup& group = any(groups_);
        group.members.clear();
        group.group = new_group();
    }

    void act_once() {
        const int what = pick(1000);
        if (what < 500) return send_to_group();
        if (what < 550) return broadcast_to_all();
        if (what < 700) return send_to_any();
        if (what < 970) return join_or_leave();
        if (what < 985) return renew_any_group();
        if (!sends_from_beside_) close_any();  // or it would come behind them
    }
    void act_on_loop() {
        for (int n = pick(30); n > 0; --n) act_once();
    }

    void read(Modelled& member) {
        expect_all(member.peer, act([&] { return std::exchange(member.expected, {}); }), member.open);
    }

    std::mt19937 random_{GetParam()};
    int last_text_ = 0;
    bool sends_from_beside_ = false;  // are on their way
    std::vector<ModelledPtr> members_;
    std::vector<ModelledGroup> groups_;
};

TEST_P(GroupModel, EveryMemberGetsItsListInOrder) {
    start(echo_handlers(), model_options());
    make_groups(12);
    for (int round = 0; round < 250; ++round) {
        while (members_.size() < 10) {
            const bool slow = pick(3) == 0;
            const bool packed = pick(5) == 0;
            members_.push_back(std::make_unique<Modelled>(
                join(packed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "", slow ? 64 << 10 : 0), slow));
        }
        std::promise<void> halfway, go_on;
        std::thread beside([&] {
            halfway.get_future().wait();
            for (int n = pick(3); n > 0; --n) send_to_any();
            go_on.set_value();
        });
        act([&] {
            act_on_loop();
            halfway.set_value();
            go_on.get_future().wait();
            sends_from_beside_ = true;
            act_on_loop();
            sends_from_beside_ = false;
        });
        beside.join();
        for (int n = pick(3); n > 0; --n) pick(2) == 0 ? broadcast_to_all() : send_to_any();
        act([&] { act_on_loop(); });
        for (const auto& member : members_) {
            const bool reads = !member->open || (!member->slow && pick(4) == 0);
            if (reads) {
                ASSERT_NO_FATAL_FAILURE(read(*member));
            }
        }
        std::erase_if(members_, [](const ModelledPtr& member) { return !member->open; });
    }
    for (const auto& member : members_) {
        ASSERT_NO_FATAL_FAILURE(read(*member));
        EXPECT_EQ(member->peer.stats().messages_dropped, 0u);
    }
    act([&] {
        for (const auto& group : groups_) EXPECT_EQ(group.group->size(), group.members.size());
    });
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupModel, ::testing::Values(1u, 2u, 3u, 4u, 5u, 6u));

/// The same in the handlers of members that drop: the others still get their lists; those, what is left of theirs.
class GroupModelWithDrops : public GroupModel {
protected:
    std::string next_text() override {
        return std::to_string(++last_text_) + std::string(static_cast<std::size_t>(pick(300)), '.');
    }

    /// Not to those that drop, whose handlers may publish before it takes its place.
    void send_to_any() override {
        Modelled& member = *any(members_);
        if (!member.slow) GroupModelWithDrops::send_to(member);
    }
    void send_to(Modelled& member) {
        if (!member.open) return;
        const auto text = next_text();
        member.expected.push_back(text);
        EXPECT_EQ(member.peer.connection->send_text(text), SendStatus::sent);
    }

    void on_drop() {
        if (handler_acts_ == 0) return;  // the test's own thread picks
        for (int n = std::min(pick(6), handler_acts_); n > 0; --n, --handler_acts_) {
            act_once();
            ++acted_;
        }
    }

    /// What it got is in order; what it did not get was told.
    void retire(Modelled& member) {
        act([&] {
            member.open = false;
            for (ModelledGroup& group : groups_) {
                group.group->remove(*member.peer.connection);
                group.members.erase(&member);
            }
            member.peer.connection->send_text("end");
        });
        std::uint64_t missed = 0;
        for (;;) {
            const auto got = member.peer.client.next(kText);
            ASSERT_TRUE(got);
            if (got == "end") break;
            if (got->starts_with("filling")) continue;
            while (!member.expected.empty() && member.expected.front() != *got) {
                member.expected.pop_front();
                ++missed;
            }
            ASSERT_FALSE(member.expected.empty()) << "unexpected " << got->substr(0, 20);
            member.expected.pop_front();
        }
        EXPECT_EQ(member.peer.stats().messages_dropped, missed + member.expected.size());
    }

    int handler_acts_ = 0;  // that are left
    int acted_ = 0;
};

TEST_P(GroupModelWithDrops, TheOthersGetTheirListsInOrder) {
    auto options = small_options();
    options.keepalive_interval = kPatience;
    options.drain_timeout = std::chrono::milliseconds(50);
    start({.dropped = [this](Connection&, const DroppedMessage&) { on_drop(); }}, options);
    make_groups(6);
    for (int round = 0; round < 60; ++round) {
        while (members_.size() < 10) {
            const bool slow = members_.size() % 2 == 0;
            auto member = std::make_unique<Modelled>(join({}, slow ? 4096 : 0), slow);
            if (slow) almost_throttle(member->peer);
            act([&] {
                for (ModelledGroup& group : groups_) {
                    if (pick(2) == 0 && group.group->add(*member->peer.connection)) group.members.insert(member.get());
                }
                members_.push_back(std::move(member));
            });
        }
        act([&] {
            handler_acts_ = 40;
            act_on_loop();
        });
        act([&] { act_on_loop(); });
        // The handlers' turns, until no more comes of them.
        EXPECT_TRUE(eventually([&] { return act([&] { return std::exchange(handler_acts_, 0) == 0; }); }));
        for (const auto& member : members_) {
            if (!member->slow) {
                ASSERT_NO_FATAL_FAILURE(read(*member));
            } else if (member->open && pick(40) == 0) {
                ASSERT_NO_FATAL_FAILURE(retire(*member));
            }
        }
        act([&] { std::erase_if(members_, [](const ModelledPtr& member) { return !member->open; }); });
    }
    EXPECT_GT(acted_, 0);
    for (const auto& member : members_) {
        if (member->slow) {
            ASSERT_NO_FATAL_FAILURE(retire(*member));
        } else {
            EXPECT_EQ(member->peer.stats().messages_dropped, 0u);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupModelWithDrops, ::testing::Values(1u, 2u, 3u, 4u, 5u, 6u));

}  // namespace
}  // namespace cryo::test
