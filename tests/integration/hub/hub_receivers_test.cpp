// Receivers of all kinds on several loops of a real server.

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "hub_server_fixture.h"
#include "integration/session_fixture.h"

namespace cryo::test {
namespace {

TEST_F(HubServer, ReachesPlainConnectionsOfATopicOnAllLoops) {
    start();
    auto peers = join_on_both_loops(3, "topic=t");
    auto other = join("topic=u");
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "x"), (Outcome{peers.size(), true}));
    EXPECT_EQ(publish_and_wait(Target::topic("u"), "y"), (Outcome{1, true}));
    for (auto& peer : peers) EXPECT_EQ(peer.next(), "x");
    EXPECT_EQ(other.next(), "y");
    EXPECT_EQ(hub_->stats().deliveries, peers.size() + 1);
}

TEST_F(HubServer, ReachesUsersSessionsConnectionsAndEverybody) {
    start();
    auto ada1 = join("user=ada&session=1"), ada2 = join("user=ada&session=2"), bob = join("user=bob&id=b");
    publish(Target::user("ada"), "user");
    publish(Target::session("ada", "2"), "session");
    publish(Target::connection("b"), "connection");
    publish(Target::everybody(), "everybody");
    for (const char* text : {"user", "everybody"}) EXPECT_EQ(ada1.next(), text);
    for (const char* text : {"user", "session", "everybody"}) EXPECT_EQ(ada2.next(), text);
    for (const char* text : {"connection", "everybody"}) EXPECT_EQ(bob.next(), text);
}

TEST_F(HubServer, LeavesOutConnectionsOfATopicsGroup) {
    start();
    auto peers = join_on_both_loops(2, "topic=t");
    const auto& left_out = peers[1].subscriber()->id();
    EXPECT_EQ(publish_and_wait(Audience(Target::topic("t")).but(Target::connection(left_out)), "1").receivers,
              peers.size() - 1);
    publish(Target::everybody(), "2");
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (i != 1) {
            EXPECT_EQ(peers[i].next(), "1");
        }
        EXPECT_EQ(peers[i].next(), "2");
    }
}

TEST_F(HubServer, AnUnsubscribedConnectionGetsNothingMore) {
    start();
    auto a = join("topic=t"), b = join("topic=t");
    on_loop(*a.connection, [&] {
        EXPECT_TRUE(a.subscriber()->unsubscribe("t"));
        publish(Target::topic("t"), "1");
        a.connection->send_text("2");
        EXPECT_TRUE(a.subscriber()->subscribe("t"));
        publish(Target::topic("t"), "3");
    });
    for (const char* text : {"2", "3"}) EXPECT_EQ(a.next(), text);
    for (const char* text : {"1", "3"}) EXPECT_EQ(b.next(), text);
}

/// Counts what it gets; any thread may look.
class CountingReceiver final : public hub::IReceiver {
public:
    SendStatus deliver(const PreparedMessage&) override {
        ++count_;
        return SendStatus::sent;
    }
    void close(std::uint16_t, std::string_view) override {}
    bool is_open() const noexcept override { return true; }
    std::string_view remote_address() const noexcept override { return {}; }

    int count() const noexcept { return count_; }

private:
    std::atomic<int> count_{0};
};

TEST_F(HubServer, WhoUnsubscribesIsQuietAtOnceThoughAnotherLoopPublishesWithoutEnd) {
    start();
    const auto loops = (*server_)->loops();
    const auto on_other_loop = [&](auto task) {
        std::promise<decltype(task())> result;
        loops[1]->post([&] { result.set_value(task()); });
        return result.get_future().get();
    };
    const auto attach = [&](const std::shared_ptr<CountingReceiver>& receiver) {
        return on_other_loop([&] { return hub_->attach(receiver, {.topics = {"t"}}).value(); });
    };
    std::atomic<bool> ending{false};
    Inbox<bool> ended;
    const std::function<void()> publish_again = [&] {
        if (ending) return ended.push(true);
        publish(Target::topic("t"), "x");
        loops[0]->post([&] { publish_again(); });
    };
    loops[0]->post([&] { publish_again(); });

    const auto witness = std::make_shared<CountingReceiver>(), receiver = std::make_shared<CountingReceiver>();
    const auto stays = attach(witness), changes = attach(receiver);
    const auto hears_more = [](const CountingReceiver& one) {
        return eventually([&, before = one.count()] { return one.count() > before; });
    };
    for (int round = 0; round < 200; ++round) {
        ASSERT_TRUE(hears_more(*receiver));
        const int heard = on_other_loop([&] {
            EXPECT_TRUE(changes->unsubscribe("t"));
            return receiver->count();
        });
        ASSERT_TRUE(hears_more(*witness) && hears_more(*witness));
        ASSERT_EQ(receiver->count(), heard) << round;
        on_other_loop([&] { return changes->subscribe("t").value(); });
    }
    ending = true;
    EXPECT_TRUE(ended.next());
}

TEST_F(HubServer, ChangesByTargetAreInEffectWhenTheyAreDone) {
    start();
    auto peers = join_on_both_loops(2, "user=ada");
    for (int round = 0; round < 20; ++round) {
        const auto topic = "t" + std::to_string(round);
        const auto changed = wait([&](hub::OutcomeHandler done) {
            hub_->change({.audience = Target::user("ada"), .topics = {topic}}, std::move(done));
        });
        EXPECT_EQ(changed, (Outcome{peers.size(), true}));
        EXPECT_EQ(publish_and_wait(Target::topic(topic), topic).receivers, peers.size());
        for (auto& peer : peers) ASSERT_EQ(peer.next(), topic);
    }
}

TEST_F(HubServer, DisconnectsWithItsCodeAndForgets) {
    start();
    auto a = join("user=ada"), b = join("user=bob");
    EXPECT_EQ(
        wait([&](hub::OutcomeHandler done) { hub_->disconnect(Target::user("ada"), 4123, "bye", std::move(done)); }),
        (Outcome{1, true}));
    const auto close = a.client.next(kClose);
    ASSERT_TRUE(close);
    EXPECT_EQ(close->substr(2), "bye");
    EXPECT_TRUE(list(Target::user("ada")).subscribers.empty());
    EXPECT_EQ(list(Target::everybody()).subscribers.size(), 1U);
    a.client.send_close(4123);
    a.connection.reset();
    EXPECT_EQ(events_.closed.next(), (Ended{4123, "bye", false}));
    EXPECT_TRUE(eventually([&] { return hub_->stats().subscribers == 1; }));
}

TEST_F(HubServer, ListsWhoIsThereAndWhenTheyWereHeardOf) {
    start();
    auto a = join("id=a&user=ada&session=s&topic=t");
    const auto first = list(Target::topic("t"));
    ASSERT_EQ(first.subscribers.size(), 1U);
    const auto& info = first.subscribers[0];
    EXPECT_EQ(info.id, "a");
    EXPECT_EQ(info.user, "ada");
    EXPECT_EQ(info.session, "s");
    EXPECT_EQ(info.topics, std::vector<std::string>{"t"});
    EXPECT_EQ(info.remote_address, "127.0.0.1");
    ASSERT_TRUE(info.last_heard);
    EXPECT_TRUE(eventually([&] {
        a.client.send_pong();
        const auto now = list(Target::topic("t"));
        return now.subscribers.size() == 1 && now.subscribers[0].last_heard > *info.last_heard + 1ms;
    }));
}

TEST_F(HubServer, OneConnectionCanBeSeveralSubscribers) {
    start();
    auto a = join("id=a&topic=t");
    SubscriberPtr second;
    on_loop(*a.connection, [&] { second = hub_->attach(*a.connection, {.id = "b", .topics = {"t", "u"}}).value(); });
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "1").receivers, 2U);
    EXPECT_EQ(publish_and_wait(Audience(Target::topic("t")).but(Target::connection("a")), "2").receivers, 1U);
    EXPECT_EQ(publish_and_wait(Audience(Target::topic("t")).but(Target::connection("b")), "3").receivers, 1U);
    on_loop(*a.connection, [&] { second.reset(); });
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "4").receivers, 1U);
    for (const char* text : {"1", "1", "2", "3", "4"}) EXPECT_EQ(a.next(), text);
}

class Suffixed final : public hub::IWireForm {
    std::optional<PreparedMessage> encode(const hub::Publication& publication) const override {
        return PreparedMessage::text(std::string(as_text(publication.message.payload())) + "!");
    }
};

TEST_F(HubServer, EachReceiverGetsItsWireForm) {
    start();
    auto plain = join("topic=t"), other = join();
    on_loop(*other.connection, [&] {
        other.connection->user_data() =
            hub_->attach(*other.connection, {.topics = {"t"}, .form = std::make_shared<Suffixed>()}).value();
    });
    EXPECT_EQ(publish_and_wait(Target::topic("t"), "x").receivers, 2U);
    EXPECT_EQ(plain.next(), "x");
    EXPECT_EQ(other.next(), "x!");
}

/// The promise, for publishers on threads of their own and on both loops, at the same time.
TEST_F(HubServer, KeepsTheOrderOfEachPublisher) {
    constexpr int kCount = 400;
    start();
    auto peers = join_on_both_loops(3, "topic=t");
    const auto run = [&](const std::string& name) {
        for (int i = 0; i < kCount; ++i) publish(Target::topic("t"), name + std::to_string(i));
    };
    std::vector<std::thread> threads;
    for (const char* name : {"a", "b"}) threads.emplace_back([&run, name] { run(name); });
    const auto on_its_loop = [&](std::size_t index, const std::string& name) {
        (*server_)->loops()[index]->post([&run, name] { run(name); });
    };
    on_its_loop(0, "c");
    on_its_loop(1, "d");
    for (auto& thread : threads) thread.join();
    for (auto& peer : peers) {
        int next[4]{};
        for (int i = 0; i < 4 * kCount; ++i) {
            const auto text = peer.next();
            int& expected = next[text[0] - 'a'];
            ASSERT_EQ(text.substr(1), std::to_string(expected)) << text;
            ++expected;
        }
    }
}

// -- Cryo sessions ---------------------------------------------------------------------------------------------------

class HubSessions : public ::testing::Test {
protected:
    const std::shared_ptr<hub::Hub> hub_ = hub::Hub::create().value();
};

TEST_F(HubSessions, AreReceiversUntilTheyClose) {
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        auto subscriber = hub_->attach(session, {.topics = {"t"}});
        ASSERT_TRUE(subscriber);
        session.set("subscriber", std::move(*subscriber));
    });
    ASSERT_TRUE(server->register_extension(hub_));
    server.start();
    const auto a = connect(server), b = connect(server);
    ASSERT_TRUE(a->open() && b->open());
    const auto session = server.next_session();
    server.next_session();
    hub_->publish(Target::topic("t"), PreparedMessage::text("grüße"));
    hub_->publish(Target::topic("t"), PreparedMessage::binary(as_bytes("data")));
    for (const auto& client : {a, b}) {
        EXPECT_EQ(client->next_text(), "grüße");
        EXPECT_EQ(client->next_binary(), "data");
    }
    // The handle of the session lives on in `session`; the hub lets it go all the same.
    session->close();
    EXPECT_TRUE(eventually([&] { return hub_->stats().subscribers == 1; }));
    EXPECT_EQ(hub_->stats().deliveries, 4U);
    EXPECT_EQ(hub_->stats().drops, 0U);
}

TEST_F(HubSessions, RefuseWhatIsNotUtf8AndThatIsCounted) {
    CryoServer server(TestServer::quick_options(), [&](Session& session) {
        session.set("subscriber", hub_->attach(session, {.topics = {"t"}}).value());
    });
    ASSERT_TRUE(server->register_extension(hub_));
    server.start();
    const auto client = connect(server);
    ASSERT_TRUE(client->open());
    ASSERT_TRUE(server.next_session());
    hub_->publish(Target::topic("t"), PreparedMessage::text("\xff"));
    hub_->publish(Target::topic("t"), PreparedMessage::text("fine"));
    EXPECT_EQ(client->next_text(), "fine");
    EXPECT_EQ(hub_->stats().drops, 1U);
}

}  // namespace
}  // namespace cryo::test
