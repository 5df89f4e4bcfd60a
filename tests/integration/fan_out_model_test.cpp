// Broadcasts and everything else at once, compared with a model.

#include <deque>
#include <future>
#include <random>
#include <thread>
#include <vector>

#include "fan_out_fixture.h"

namespace cryo::test {
namespace {

/// Random turns of broadcasts, own sends, sends of another thread, ends and newcomers; each client must get what a list
/// of its own says.
class FanOutModel : public FanOut, public ::testing::WithParamInterface<unsigned> {
protected:
    struct Modelled {
        Peer peer;
        bool slow = false;
        bool open = true;
        std::deque<std::string> expected{};
    };

    int pick(int below) { return std::uniform_int_distribution(0, below - 1)(random_); }

    std::string next_text() {
        const int kind = pick(100);
        const std::size_t padding = kind < 2 ? 80'000 : kind < 20 ? 3'000 : static_cast<std::size_t>(pick(40));
        return std::to_string(++last_text_) + std::string(padding, '.');
    }

    Modelled& any() { return members_[static_cast<std::size_t>(pick(static_cast<int>(members_.size())))]; }

    void send_to_any() {
        Modelled& member = any();
        const auto text = next_text();
        const auto status = member.peer.connection->send_text(text);
        if (member.open) {
            EXPECT_TRUE(status == SendStatus::sent || status == SendStatus::queued);
            member.expected.push_back(text);
        }
    }
    void broadcast_to_all() {
        const auto text = next_text();
        broadcast(text);
        for (Modelled& member : members_) {
            if (member.open) member.expected.push_back(text);
        }
    }
    void close_any() {
        Modelled& member = any();
        member.open = false;
        member.peer.connection->close(4000);
    }

    void act_on_loop() {
        for (int n = pick(8); n > 0; --n) {
            const int what = pick(100);
            what < 50 ? broadcast_to_all() : what < 98 ? send_to_any() : close_any();
        }
    }
    /// No broadcasts: on the loop, those of another thread come after its own of the same turn.
    void act_beside_the_loop() {
        for (int n = pick(3); n > 0; --n) send_to_any();
    }

    void turn() {
        std::promise<void> halfway, go_on;
        std::thread beside([&] {
            halfway.get_future().wait();
            act_beside_the_loop();
            go_on.set_value();
        });
        on_loop(*members_.front().peer.connection, [&] {
            act_on_loop();
            halfway.set_value();
            go_on.get_future().wait();
            act_on_loop();
        });
        beside.join();
        for (int n = pick(5); n > 0; --n) pick(2) == 0 ? broadcast_to_all() : send_to_any();
    }

    void read(Modelled& member) { expect_all(member.peer, std::exchange(member.expected, {}), member.open); }

    std::mt19937 random_{GetParam()};
    int last_text_ = 0;
    std::vector<Modelled> members_;
};

TEST_P(FanOutModel, EveryClientGetsItsListInOrder) {
    start(echo_handlers(), model_options());
    for (int i = 0; i < 300; ++i) {
        while (members_.size() < 8) {
            const bool slow = pick(2) == 0;
            const bool packed = pick(4) == 0;
            members_.push_back(
                {join(packed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "", slow ? 64 << 10 : 0), slow});
        }
        turn();
        for (Modelled& member : members_) {
            const bool reads = !member.open || (!member.slow && pick(4) == 0);
            if (reads) {
                ASSERT_NO_FATAL_FAILURE(read(member));
            }
        }
        std::erase_if(members_, [](const Modelled& member) { return !member.open; });
    }
    for (Modelled& member : members_) {
        ASSERT_NO_FATAL_FAILURE(read(member));
        EXPECT_EQ(member.peer.stats().messages_dropped, 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FanOutModel, ::testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace cryo::test
