// Random subscribing, publishing and closing from many threads, against a plain model of what must and must not arrive.

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "hub_server_fixture.h"

namespace cryo::test {
namespace {

/// A point in an order that all threads agree on.
std::uint64_t tick() {
    static std::atomic<std::uint64_t> ticks{0};
    return ++ticks;
}

constexpr std::uint64_t kNever = UINT64_MAX;

/// A time in which somebody surely is, or possibly is, subscribed.
struct Interval {
    std::uint64_t asked = 0, done = kNever;         ///< Subscribing: the call for it, and when it was in effect.
    std::uint64_t leaving = kNever, gone = kNever;  ///< Unsubscribing: likewise.
};

struct Published {
    int publisher = 0;
    std::uint64_t begun = 0, ended = 0;
    std::set<std::string> topics{};
    std::string except{};  ///< A connection id.
};

/// What one connection may get and has to get.
struct Expectation {
    std::string id{};
    std::map<std::string, std::vector<Interval>> topics{};
    std::uint64_t closing = kNever;  ///< From when on it need not get anything.

    bool must_get(const Published& publication) const {
        if (publication.except == id || publication.ended > closing) return false;
        return any(publication, [&](const Interval& interval) {
            return interval.done < publication.begun && publication.ended < interval.leaving;
        });
    }
    bool may_get(const Published& publication) const {
        if (publication.except == id) return false;
        return any(publication, [&](const Interval& interval) {
            return interval.asked < publication.ended && publication.begun < interval.gone;
        });
    }

private:
    template <class Holds>
    bool any(const Published& publication, Holds&& holds) const {
        return std::ranges::any_of(publication.topics, [&](const std::string& topic) {
            const auto known = topics.find(topic);
            return known != topics.end() && std::ranges::any_of(known->second, holds);
        });
    }
};

/// One client with its reader, and what is known of it. Its topics are changed by one thread only, its driver.
struct Actor {
    WsClient client;
    ConnectionPtr connection;
    SubscriberPtr subscriber;
    Expectation expected{};
    bool closed = false;
    std::vector<int> got{};
};

class HubModel : public HubServer {
protected:
    static constexpr std::size_t kDrivers = 4, kActorsOfADriver = 6, kTopics = 5, kSteps = 600;

    static std::string topic(std::size_t index) { return "t" + std::to_string(index); }

    /// Publishes a number that says where to find what it was.
    void publish_one(int publisher, std::set<std::string> topics, std::string except) {
        Audience audience;
        for (const auto& name : topics) audience.to.push_back(Target::topic(name));
        if (!except.empty()) audience.except.push_back(Target::connection(except));
        auto& log = published_[static_cast<std::size_t>(publisher)];
        const int number = publisher * kBlock + static_cast<int>(log.size());
        log.push_back({publisher, tick(), 0, std::move(topics), std::move(except)});
        publish(std::move(audience), std::to_string(number));
        log.back().ended = tick();
    }

    void subscribe(Actor& actor, const std::string& name, bool by_target) {
        auto& intervals = actor.expected.topics[name];
        if (!intervals.empty() && intervals.back().leaving == kNever) return;
        Interval interval{.asked = tick()};
        if (by_target) {
            EXPECT_TRUE(change(actor, name, true));
        } else {
            on_loop(*actor.connection, [&] { EXPECT_TRUE(actor.subscriber->subscribe(name).value()); });
        }
        interval.done = tick();
        intervals.push_back(interval);
    }

    void unsubscribe(Actor& actor, const std::string& name, bool by_target) {
        auto& intervals = actor.expected.topics[name];
        if (intervals.empty() || intervals.back().leaving != kNever) return;
        intervals.back().leaving = tick();
        if (by_target) {
            EXPECT_TRUE(change(actor, name, false));
        } else {
            on_loop(*actor.connection, [&] { EXPECT_TRUE(actor.subscriber->unsubscribe(name)); });
        }
        intervals.back().gone = tick();
    }

    bool change(Actor& actor, const std::string& name, bool subscribe) {
        return wait([&](hub::OutcomeHandler done) {
                   hub_->change(
                       {.audience = Target::connection(actor.expected.id), .topics = {name}, .subscribe = subscribe},
                       std::move(done));
               }) == Outcome{1, true};
    }

    void close(Actor& actor) {
        actor.closed = true;
        actor.expected.closing = tick();
        actor.connection->close(4000);
    }

    /// One driver's random steps, on its own actors, and publications to anybody's topics.
    void drive(std::size_t driver, unsigned seed) {
        std::mt19937 random(seed);
        const auto below = [&](std::size_t limit) {
            return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
        };
        for (std::size_t step = 0; step < kSteps; ++step) {
            Actor& actor = *actors_[driver * kActorsOfADriver + below(kActorsOfADriver)];
            const std::size_t dice = below(100);
            if (dice < 60) {
                std::set<std::string> topics{topic(below(kTopics))};
                while (below(4) == 0) topics.insert(topic(below(kTopics)));
                const Actor& any = *actors_[below(actors_.size())];
                publish_one(static_cast<int>(driver), std::move(topics), below(4) == 0 ? any.expected.id : "");
            } else if (actor.closed) {
                continue;
            } else if (dice < 80) {
                subscribe(actor, topic(below(kTopics)), below(4) == 0);
            } else if (dice < 99) {
                unsubscribe(actor, topic(below(kTopics)), below(4) == 0);
            } else {
                close(actor);
            }
        }
    }

    void read_all(Actor& actor) {
        for (;;) {
            const auto frame = actor.client.next();
            if (!frame || frame->opcode == kClose || frame->payload == "end") break;
            actor.got.push_back(std::stoi(frame->payload));
        }
    }

    void check(const Actor& actor) const {
        std::map<int, int> latest;  // of each publisher
        for (const int number : actor.got) {
            const Published& publication = publication_of(number);
            EXPECT_TRUE(actor.expected.may_get(publication)) << number << " is not for " << actor.expected.id;
            const auto [last, first] = latest.try_emplace(publication.publisher, number);
            EXPECT_TRUE(first || last->second < number) << number << " came after " << last->second;
            last->second = number;
        }
        const std::set<int> got(actor.got.begin(), actor.got.end());
        for (std::size_t publisher = 0; publisher < published_.size(); ++publisher) {
            for (std::size_t i = 0; i < published_[publisher].size(); ++i) {
                const int number = static_cast<int>(publisher) * kBlock + static_cast<int>(i);
                EXPECT_TRUE(got.count(number) == 1 || !actor.expected.must_get(published_[publisher][i]))
                    << number << " did not reach " << actor.expected.id;
            }
        }
    }

    void run(unsigned seed) {
        start();
        for (std::size_t i = 0; i < kDrivers * kActorsOfADriver; ++i) {
            auto peer = join("id=" + std::to_string(i));
            auto subscriber = peer.subscriber();
            actors_.push_back(std::make_unique<Actor>(
                Actor{std::move(peer.client), std::move(peer.connection), std::move(subscriber)}));
            actors_.back()->expected.id = std::to_string(i);
        }
        std::vector<std::thread> threads;
        for (auto& actor : actors_) threads.emplace_back([&] { read_all(*actor); });
        for (std::size_t i = 0; i < kDrivers; ++i) {
            threads.emplace_back([this, i, seed] { drive(i, seed * 100 + static_cast<unsigned>(i)); });
        }
        // The loops publish as well, from where deliveries happen.
        for (std::size_t i = 0; i < 2; ++i) publish_on_loop(i, 200);
        for (std::size_t i = actors_.size(); i < threads.size(); ++i) threads[i].join();
        while (loops_done_ < 2) std::this_thread::sleep_for(1ms);
        publish(Target::everybody(), "end");
        for (std::size_t i = 0; i < actors_.size(); ++i) threads[i].join();
        for (const auto& actor : actors_) check(*actor);
        std::size_t received = 0;
        for (const auto& actor : actors_) received += actor->got.size();
        EXPECT_GT(received, 1'000U);
    }

    /// A publication in each of so many tasks of a loop.
    void publish_on_loop(std::size_t index, int left) {
        if (left == 0) {
            ++loops_done_;
            return;
        }
        (*server_)->loops()[index]->post([this, index, left] {
            publish_one(static_cast<int>(kDrivers + index), {topic(static_cast<std::size_t>(left) % kTopics)}, {});
            publish_on_loop(index, left - 1);
        });
    }

    static constexpr int kBlock = 1'000'000;
    const Published& publication_of(int number) const {
        return published_[static_cast<std::size_t>(number / kBlock)][static_cast<std::size_t>(number % kBlock)];
    }

    std::vector<std::unique_ptr<Actor>> actors_{};
    std::array<std::vector<Published>, kDrivers + 2> published_{};  // by publisher, each written by one thread
    std::atomic<int> loops_done_{0};
};

TEST_F(HubModel, HoldsForRandomSteps1) { run(1); }
TEST_F(HubModel, HoldsForRandomSteps2) { run(2); }
TEST_F(HubModel, HoldsForRandomSteps3) { run(3); }

}  // namespace
}  // namespace cryo::test
