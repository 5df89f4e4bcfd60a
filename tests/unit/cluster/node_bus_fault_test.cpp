// Nodes that die, sleep, are cut off, and come back.
#include <thread>

#include "envelope.h"
#include "unit/cluster/bus_fixture.h"

namespace cryo::cluster {
namespace {

using Strings = std::vector<std::string>;
using Events = std::vector<MemberEvent>;

class BusFaultTest : public BusTest {
protected:
    void SetUp() override {
        start_two();
        b->subscribe("t");
        loop->run();
        a->publish("t", "before");
        loop->run();
        b->take_heard();
        b->health.clear();
        a->health.clear();
    }

    /// Publishes what another node might have sent.
    void forge(std::string_view channel, const Envelope& envelope) {
        if (!forger) {
            forger = broker->connect();
            ASSERT_TRUE(forger->start(loop, {[](std::string_view, Bytes) {}, [](Link, std::string_view) {}}).ok());
            loop->run();
        }
        std::vector<std::byte> bytes;
        encode_envelope(envelope, bytes);
        EXPECT_TRUE(forger->publish(channel, bytes));
        loop->run();
    }

    std::unique_ptr<IPubSub> forger;
};

TEST_F(BusFaultTest, ANodeThatIsSilentIsDeadAfterTheStatedTime) {
    const auto id = b->bus->self();
    b->bus.reset();  // without a goodbye
    b->port.reset();
    loop->advance(2900ms);
    EXPECT_TRUE(a->take_events().empty());
    loop->advance(1500ms);
    EXPECT_EQ(a->take_events(), (Events{{Kind::died, id}}));
    EXPECT_EQ(a->bus->health(), Health::connected);
    EXPECT_TRUE(a->bus->members().empty());
}

TEST_F(BusFaultTest, ABackendAwayForAMomentChangesNoLives) {
    const auto epoch = a->bus->self().epoch;
    broker->set_available(false);
    loop->advance(2s);
    EXPECT_EQ(a->health, (std::vector<Health>{Health::away}));
    EXPECT_EQ(a->publish("t", "lost"), SendStatus::dropped);
    broker->set_available(true);
    settle();
    EXPECT_EQ(a->health, (std::vector<Health>{Health::away, Health::joining, Health::connected}));
    EXPECT_TRUE(a->take_events().empty());
    EXPECT_EQ(a->bus->self().epoch, epoch);
    a->publish("t", "after");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:after"}));
    EXPECT_EQ(a->bus->stats().outages, 1u);
    EXPECT_EQ(a->bus->stats().dropped, 1u);
}

TEST_F(BusFaultTest, ABackendAwayForLongMakesAllStartOver) {
    const auto before_a = a->bus->self();
    const auto before_b = b->bus->self();
    broker->set_available(false);
    loop->advance(4500ms);
    EXPECT_EQ(a->take_events(), (Events{{Kind::died, before_b}})) << "no ghosts while alone either";
    EXPECT_TRUE(a->bus->members().empty());
    loop->advance(60s);
    broker->set_available(true);
    settle();
    const auto after_b = b->bus->self();
    EXPECT_GT(after_b.epoch, before_b.epoch);
    EXPECT_EQ(a->take_events(), (Events{{Kind::joined, after_b}}));
    EXPECT_EQ(a->bus->stats().dead_epochs, 0u);
    EXPECT_EQ(b->bus->stats().dead_epochs, 0u);
    a->publish("t", "after");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:after"})) << "subscriptions are in effect again";
    EXPECT_EQ(a->bus->stats().epochs, 2u);
}

TEST_F(BusFaultTest, ANodeCutOffStartsOverAndTheOthersGoOn) {
    const auto c = make_node("c");
    settle();
    c->take_events();
    b->take_events();
    const auto epoch_c = c->bus->self().epoch;
    const auto before_b = b->bus->self();
    broker->set_available(*b->link, false);
    loop->advance(5s);
    EXPECT_EQ(c->take_events(), (Events{{Kind::died, before_b}}));
    EXPECT_EQ(b->take_events().size(), 2u);
    EXPECT_EQ(b->publish("t", "alone"), SendStatus::dropped);
    broker->set_available(*b->link, true);
    settle();
    EXPECT_EQ(c->take_events(), (Events{{Kind::joined, b->bus->self()}}));
    EXPECT_EQ(b->take_events().size(), 2u);
    EXPECT_EQ(c->bus->self().epoch, epoch_c);
    EXPECT_GT(b->bus->self().epoch, before_b.epoch);
    EXPECT_EQ(c->bus->stats().dead_epochs + b->bus->stats().dead_epochs, 0u);
}

TEST_F(BusFaultTest, ALinkThatIsUpButSilentIsNoticed) {
    const auto before = b->bus->self();
    const auto epoch_a = a->bus->self().epoch;
    broker->set_silent(*b->link, true);
    loop->advance(5s);
    EXPECT_EQ(b->bus->health(), Health::away);
    EXPECT_EQ(b->take_events(), (Events{{Kind::died, a->bus->self()}}));
    EXPECT_EQ(a->take_events(), (Events{{Kind::died, before}}));
    loop->advance(30s);
    broker->set_silent(*b->link, false);
    settle();
    EXPECT_EQ(b->bus->health(), Health::connected);
    EXPECT_EQ(b->take_events(), (Events{{Kind::joined, a->bus->self()}}));
    EXPECT_EQ(a->take_events(), (Events{{Kind::joined, b->bus->self()}}));
    EXPECT_EQ(a->bus->self().epoch, epoch_a) << "who was well need not start over";
    EXPECT_EQ(a->bus->stats().dead_epochs, 0u);
}

TEST_F(BusFaultTest, AllWhoSleptStartOver) {
    const auto before = a->bus->self();
    loop->sleep(20s);
    EXPECT_EQ(a->publish("t", "first thing after waking"), SendStatus::sent);
    EXPECT_GT(a->bus->self().epoch, before.epoch) << "what others hold for dead says nothing";
    settle();
    EXPECT_EQ(a->bus->health(), Health::connected);
    EXPECT_EQ(a->bus->members().size(), 1u);
    EXPECT_EQ(b->take_heard(), (Strings{"t:first thing after waking"}));
}

TEST_F(BusFaultTest, AShortSleepKillsNobody) {
    loop->sleep(2500ms);
    settle();
    EXPECT_TRUE(a->take_events().empty());
    EXPECT_TRUE(b->take_events().empty());
}

TEST_F(BusFaultTest, WhoIsHeldForDeadIsToldAndBeginsANewLife) {
    // c can be heard but hears nothing: a stand-in whose heartbeats stop and go on.
    const Envelope c{.kind = EnvelopeKind::heartbeat, .epoch = 77, .sequence = 1, .sender = "c"};
    forge("cryo:all", c);
    a->take_events();
    loop->advance(5s);
    EXPECT_EQ(a->take_events(), (Events{{Kind::died, {"c", 77}}}));
    std::vector<Envelope> told;
    auto listener = broker->connect();
    ASSERT_TRUE(listener
                    ->start(loop, {[&](std::string_view, Bytes bytes) {
                                       auto envelope = decode_envelope(bytes).value();
                                       envelope.sender = {};  // would dangle
                                       told.push_back(envelope);
                                   },
                                   [](Link, std::string_view) {}})
                    .ok());
    listener->subscribe("cryo:n:c", [](Result<>) {});
    loop->run();
    auto late = c;
    late.sequence = 2;
    forge("cryo:all", late);
    late.sequence = 3;
    forge("cryo:all", late);
    ASSERT_EQ(told.size(), 2u) << "one of each of the two others, and not for every message";
    EXPECT_EQ(told[0].kind, EnvelopeKind::obituary);
    EXPECT_EQ(told[0].number, 77u);
    EXPECT_TRUE(a->take_events().empty());
    EXPECT_EQ(a->bus->stats().dead_epochs, 2u);

    // The other side of it.
    const auto before = a->bus->self();
    forge("cryo:n:a",
          {.kind = EnvelopeKind::obituary, .epoch = 1, .sequence = 1, .sender = "d", .number = before.epoch});
    EXPECT_EQ(a->bus->self().epoch, before.epoch + 1);
    forge("cryo:n:a",
          {.kind = EnvelopeKind::obituary, .epoch = 1, .sequence = 2, .sender = "d", .number = before.epoch});
    EXPECT_EQ(a->bus->self().epoch, before.epoch + 1) << "an earlier life of it";
    EXPECT_EQ(b->take_events().back(), (MemberEvent{Kind::joined, a->bus->self()}));
    EXPECT_EQ(a->bus->health(), Health::connected);
    EXPECT_EQ(a->publish("t", "new life"), SendStatus::sent);
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:new life"}));
}

TEST_F(BusFaultTest, MessagesOfADeadLifeAreRefused) {
    Envelope c{
        .kind = EnvelopeKind::publication, .epoch = 77, .sequence = 1, .sender = "c", .payload = as_bytes("alive")};
    forge("cryo:t:test:t", c);
    EXPECT_EQ(b->take_heard(), (Strings{"t:alive"}));
    loop->advance(5s);
    c.sequence = 2;
    c.payload = as_bytes("dead");
    forge("cryo:t:test:t", c);
    EXPECT_TRUE(b->take_heard().empty());
    c.epoch = 78;
    c.sequence = 1;
    c.payload = as_bytes("reborn");
    forge("cryo:t:test:t", c);
    EXPECT_EQ(b->take_heard(), (Strings{"t:reborn"}));
}

TEST_F(BusFaultTest, DuplicatesAreDroppedAndGapsTold) {
    Envelope c{.kind = EnvelopeKind::publication, .epoch = 77, .sequence = 5, .sender = "c", .payload = as_bytes("5")};
    forge("cryo:t:test:t", c);
    forge("cryo:t:test:t", c);
    c.sequence = 4;
    forge("cryo:t:test:t", c);
    EXPECT_EQ(b->take_heard(), (Strings{"t:5"}));
    EXPECT_EQ(b->bus->stats().duplicates, 2u);
    c.sequence = 9;
    c.back = 2;  // 7 is missing
    c.payload = as_bytes("9");
    forge("cryo:t:test:t", c);
    EXPECT_EQ(b->take_heard(), (Strings{"t:9"}));
    EXPECT_EQ(b->gaps, (Strings{"c/t"}));
    EXPECT_EQ(b->bus->stats().gaps, 1u);
}

TEST_F(BusFaultTest, LostMessagesAreAGap) {
    broker->set_silent(*b->link, true);
    a->publish("t", "lost");
    loop->run();
    broker->set_silent(*b->link, false);
    a->publish("t", "heard");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:heard"}));
    EXPECT_EQ(b->gaps, (Strings{"a/t"}));
}

TEST_F(BusFaultTest, GarbageIsCountedAndHarmless) {
    forge("cryo:all", {.kind = EnvelopeKind::publication, .epoch = 1, .sequence = 1, .sender = "c"});
    forge("cryo:t:test:t", {.kind = EnvelopeKind::goodbye, .epoch = 1, .sequence = 2, .sender = "c"});
    forger->publish("cryo:all", as_bytes("not an envelope"));
    forger->publish("cryo:t:test:t", {});
    loop->run();
    EXPECT_EQ(b->bus->stats().malformed, 4u);
    EXPECT_TRUE(b->take_heard().empty());
    EXPECT_EQ(b->bus->health(), Health::connected);
}

TEST_F(BusFaultTest, ANameBelongsToTheProcessThatStartedLast) {
    loop->sleep(5ms);
    const auto first = a->bus->self();
    std::this_thread::sleep_for(2ms);  // epochs go by the time of day
    const auto second = make_node("a");
    settle();
    EXPECT_EQ(a->bus->health(), Health::displaced);
    EXPECT_EQ(a->publish("t", "x"), SendStatus::closed);
    EXPECT_EQ(second->bus->health(), Health::connected);
    EXPECT_EQ(b->take_events(), (Events{{Kind::died, first}, {Kind::joined, second->bus->self()}}));
    second->publish("t", "mine");
    loop->run();
    EXPECT_EQ(b->take_heard(), (Strings{"t:mine"}));
    bool done = false;
    a->bus->stop([&] { done = true; });
    loop->run();
    EXPECT_TRUE(done);
    settle();
    EXPECT_TRUE(b->take_events().empty());
}

TEST_F(BusFaultTest, NodesBeyondTheLimitAreRefused) {
    BusOptions options;
    options.node = "small";
    options.max_nodes = 2;
    const auto small = make_node(options);
    settle();
    EXPECT_EQ(small->bus->members().size(), 2u);
    for (int i = 0; i < 100; ++i) {
        const auto name = "n" + std::to_string(i);
        forge("cryo:all", {.kind = EnvelopeKind::hello, .epoch = 1, .sequence = 1, .sender = name});
    }
    EXPECT_EQ(small->bus->members().size(), 2u);
    EXPECT_EQ(small->bus->stats().refused_nodes, 100u);
}

}  // namespace
}  // namespace cryo::cluster
