#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "fan_out_fixture.h"

namespace cryo::test {

/// Ends a group on its loop, wherever a test lets go of it.
struct EndOnLoop {
    LoopPtr loop{};

    void operator()(ConnectionGroup* group) const {
        const auto end = [group] { delete group; };
        if (loop->in_loop_thread()) return end();
        std::packaged_task<void()> task(end);
        auto done = task.get_future();
        if (loop->post([&task] { task(); })) return done.get();
        end();
    }
};
using GroupHandle = std::unique_ptr<ConnectionGroup, EndOnLoop>;

/// An endpoint whose connections can be put into groups. Groups are the loop's: everything of them happens in `act`.
class GroupTest : public FanOut {
protected:
    ~GroupTest() override { server_.reset(); }

    LoopPtr loop(std::size_t index = 0) { return (*server_)->loops().at(index); }

    /// Runs the task in one turn of the loop.
    template <class Task>
    auto act(Task task) {
        std::packaged_task<decltype(task())()> packaged(std::move(task));
        auto result = packaged.get_future();
        EXPECT_TRUE(loop()->post([&packaged] { packaged(); }));
        return result.get();
    }

    /// In `act`.
    GroupHandle new_group() { return {ConnectionGroup::create(loop()).release(), EndOnLoop{loop()}}; }
    GroupHandle make_group() {
        return act([this] { return new_group(); });
    }
    template <class... Peers>
    GroupHandle make_group(const Peers&... peers) {
        auto group = make_group();
        const bool added = act([&] { return (group->add(*peers.connection) && ...); });
        EXPECT_TRUE(added);
        return group;
    }

    static void send(ConnectionGroup& group, std::string_view text, std::vector<const Connection*> except = {}) {
        group.send(PreparedMessage::text(text), except);
    }

    /// Nothing else has come before this.
    template <class... Peers>
    void expect_end(Peers&... peers) {
        act([&] { (peers.connection->send_text("end"), ...); });
        (expect(peers, {"end"}), ...);
    }
};

}  // namespace cryo::test
