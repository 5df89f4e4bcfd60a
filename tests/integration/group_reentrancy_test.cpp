// Handlers that act on groups while these are sent to.

#include <atomic>
#include <vector>

#include "group_fixture.h"

namespace cryo::test {
namespace {

/// A receiver that drops, among others that are quick.
class GroupReentrancy : public GroupTest {
protected:
    void start_dropping(std::function<void(Connection&)> first_drop) {
        WebSocketHandlers handlers;
        handlers.dropped = [this, act = std::move(first_drop)](Connection& self, const DroppedMessage&) {
            if (!acted_.exchange(true)) act(self);
        };
        start(std::move(handlers), small_options());
    }

    /// Everything that it is sent from now on is dropped, at once.
    void fill(Peer& slow) {
        act([&] {
            while (!slow.connection->stats().throttled) slow.connection->send_text(numbered(0));
            acted_ = true;
            while (slow.connection->stats().queued_messages < 20) slow.connection->send_text("queued");
            acted_ = false;
        });
    }

    static void skip_to(Peer& peer, std::string_view text) {
        for (auto got = peer.client.next(kText); got != text; got = peer.client.next(kText)) ASSERT_TRUE(got);
    }

    std::atomic<bool> acted_{false};  // handlers run on the loop
    GroupHandle group_, other_group_;
};

TEST_F(GroupReentrancy, ADropMayChangeAndEndTheGroupWithinASend) {
    Peer *joining = nullptr, *leaving = nullptr, *closing = nullptr;
    start_dropping([&](Connection& self) {
        send(*group_, "nested");
        EXPECT_TRUE(group_->remove(*leaving->connection));
        EXPECT_TRUE(group_->add(*joining->connection));
        closing->connection->close(4000);
        EXPECT_TRUE(group_->remove(self));
        EXPECT_FALSE(group_->contains(self));
        send(*group_, "nested too");
        group_.reset();
    });
    Peer first = join(), slow = join({}, 4096), left = join(), closed = join(), joined = join(), last = join();
    joining = &joined, leaving = &left, closing = &closed;
    group_ = make_group(first, slow, left, closed, last);
    fill(slow);
    act([&] {
        send(*group_, "outer");
        EXPECT_EQ(group_, nullptr);
        first.connection->send_text("own");
    });
    expect(first, {"outer", "nested", "nested too", "own"});
    expect(last, {"outer", "nested", "nested too"});
    expect(left, {"outer", "nested"});
    expect(joined, {"nested too"});
    expect(closed, {"outer", "nested"});
    EXPECT_EQ(closed.client.next().value().close_code(), 4000);
    expect_end(left, joined, last);
}

TEST_F(GroupReentrancy, ADropMayChangeAndEndTheGroupInTheTurnsEnd) {
    Peer *joining = nullptr, *leaving = nullptr, *leaving_first = nullptr, *cut = nullptr;
    start_dropping([&](Connection&) {
        send(*group_, "nested");
        send(*other_group_, "to others");
        EXPECT_TRUE(group_->remove(*leaving_first->connection));
        EXPECT_TRUE(group_->remove(*leaving->connection));
        EXPECT_TRUE(group_->add(*joining->connection));
        cut->connection->destroy();
        send(*group_, "nested too");
        group_.reset();
        other_group_.reset();
    });
    Peer left_first = join(), first = join(), slow = join({}, 4096), left = join(), destroyed = join(), joined = join(),
         last = join();
    joining = &joined, leaving = &left, leaving_first = &left_first, cut = &destroyed;
    group_ = make_group(left_first, first, slow, left, destroyed, last);
    other_group_ = make_group(last, left, joined, left_first);
    almost_throttle(slow);
    act([&] {
        for (int i = 0; i < 50; ++i) send(*group_, numbered(i));
    });
    for (Peer* peer : {&first, &last, &left, &left_first}) expect_numbered(*peer, 50);
    expect(first, {"nested", "nested too"});
    expect(last, {"nested", "to others", "nested too"});
    for (Peer* peer : {&left, &left_first}) expect(*peer, {"nested", "to others"});
    expect(joined, {"to others", "nested too"});
    EXPECT_TRUE(acted_);
    EXPECT_FALSE(destroyed.connection->is_open());
    expect_end(left_first, first, left, joined, last);
}

TEST_F(GroupReentrancy, ADropBeforeAnOwnSendMayEndTheGroup) {
    start_dropping([&](Connection& self) {
        self.send_text("nested");
        send(*other_group_, "to others");
        group_.reset();
        other_group_.reset();
    });
    Peer slow = join({}, 4096), other = join();
    group_ = make_group(slow, other);
    other_group_ = make_group(other);
    almost_throttle(slow);
    act([&] {
        for (int i = 0; i < 50; ++i) send(*group_, numbered(i));
        slow.connection->send_text("own");
        other.connection->send_text("own");
    });
    expect_numbered(other, 50);
    expect(other, {"to others", "own"});
    skip_to(slow, "own");
}

TEST_F(GroupReentrancy, LeavingOutOrRemovingWhoDropsThereforeTellsItLater) {
    start_dropping([&](Connection&) { group_.reset(); });
    Peer slow = join({}, 4096), other = join();
    almost_throttle(slow);
    for (const bool removes : {false, true}) {
        group_ = make_group(slow, other);
        act([&] {
            acted_ = false;
            for (int i = 0; i < 50; ++i) send(*group_, numbered(i));
            if (removes) {
                EXPECT_TRUE(group_->remove(*slow.connection));
            } else {
                send(*group_, "not for it", {slow.connection.get()});
            }
            EXPECT_FALSE(acted_);
        });
        expect_numbered(other, 50);
        if (!removes) expect(other, {"not for it"});
        EXPECT_TRUE(eventually([&] { return acted_.load(); }));
        expect_end(other);
        if (removes) break;
        skip_to(slow, numbered(49));
        EXPECT_TRUE(eventually([&] { return !slow.stats().throttled; }));
        almost_throttle(slow);
    }
}

TEST_F(GroupTest, AHandlerThatSendsOfEveryDropDoesNotStopTheLoop) {
    GroupHandle group;
    std::atomic<int> drops{0};
    WebSocketHandlers handlers;
    handlers.dropped = [&](Connection& self, const DroppedMessage&) {
        if (++drops >= 200) return self.destroy();
        if (group) send(*group, "dropped");
    };
    start(std::move(handlers), small_options());
    Peer slow = join({}, 4096), other = join();
    act([&] {
        for (int i = 0; i < 200 && !slow.connection->stats().throttled; ++i) slow.connection->send_text(numbered(i));
        while (slow.connection->stats().queued_messages < 20) slow.connection->send_text("queued");
    });
    group = make_group(slow, other);
    act([&] {
        send(*group, "begin");
        EXPECT_EQ(drops, 1) << "the loop never comes round";
    });
    expect(other, {"begin"});
    EXPECT_TRUE(eventually([&] { return drops >= 200; }));
    for (int i = 0; i < 199; ++i) expect(other, {"dropped"});
    expect_end(other);
}

TEST_F(GroupTest, DrainAndClosedHandlersMaySendAndEndGroups) {
    GroupHandle group;
    WebSocketHandlers handlers;
    handlers.drain = [&](Connection& self) {
        send(*group, "drained", {&self});
        self.close(4000);
    };
    start(std::move(handlers), small_options());
    Peer slow = join({}, 4096), other = join();
    group = make_group(slow, other);
    int sent = 0;
    act([&] {
        for (; !slow.connection->stats().throttled; ++sent) slow.connection->send_text(numbered(sent));
        EXPECT_TRUE(group->contains(*slow.connection));
    });
    expect_numbered(slow, sent);
    EXPECT_EQ(slow.client.next().value().close_code(), 4000);
    expect(other, {"drained"});
    EXPECT_EQ(act([&] { return group->size(); }), 1u);
}

TEST_F(GroupTest, AClosedHandlerMaySendToItsGroupAlsoWhenTheServerStops) {
    GroupHandle group;
    auto handlers = events_.handlers();
    handlers.closed = [&](Connection& self, const CloseEvent&) {
        EXPECT_FALSE(group->contains(self));
        EXPECT_FALSE(group->add(self));
        send(*group, "left");
    };
    server_.emplace();
    endpoint_ = (*server_)->websocket("/ws", std::move(handlers)).value();
    server_->start();
    Peer leaving = join(), reset = join(), other = join();
    group = make_group(leaving, reset, other);
    leaving.client.send_close(1000);
    EXPECT_EQ(leaving.client.next_close(), 1000);
    expect(other, {"left"});
    reset.client.socket().reset();
    expect(other, {"left"});
    server_.reset();
    EXPECT_EQ(group->size(), 0u);
}

}  // namespace
}  // namespace cryo::test
