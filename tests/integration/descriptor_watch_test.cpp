// Watching descriptors on a server's loop.

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "public_loop_fixture.h"

namespace cryo::test {
namespace {

using Events = DescriptorWatch::Events;
using WatchPtr = std::unique_ptr<DescriptorWatch>;
constexpr Events kReadable{.readable = true}, kWritable{.writable = true}, kBoth{true, true};

/// Two descriptors that are closed at the end.
struct Pair {
    static Pair sockets() {
        Pair pair;
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.fds) != 0) throw std::runtime_error("socketpair");
        return pair;
    }
    /// `fds[0]` is for reading.
    static Pair pipe() {
        Pair pair;
        if (::pipe2(pair.fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        return pair;
    }
    Pair() = default;
    Pair(Pair&& other) noexcept : fds{std::exchange(other.fds[0], -1), std::exchange(other.fds[1], -1)} {}
    ~Pair() {
        close(0);
        close(1);
    }
    void close(int end) {
        if (fds[end] >= 0) ::close(fds[end]);
        fds[end] = -1;
    }
    void write(int end, std::string_view text) const {
        EXPECT_EQ(::write(fds[end], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    int fds[2] = {-1, -1};
};

std::string read_some(int fd) {
    char buffer[256];
    const auto size = ::read(fd, buffer, sizeof buffer);
    return std::string(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
}

class Watching : public PublicLoop {
protected:
    Result<WatchPtr> try_watch(int fd, Events events = kReadable) {
        return on_first([&] { return loop_->watch(fd, events, [](Events) {}); });
    }

    /// Ends `watch_`, before what its callback refers to.
    struct Unwatch {
        explicit Unwatch(Watching& of) : test(of) {}
        Unwatch(const Unwatch&) = delete;
        ~Unwatch() {
            if (test.server_) on_loop(*test.loop_, [&] { test.watch_.reset(); });
        }
        Watching& test;
    };

    /// Watches with `watch_`.
    [[nodiscard]] Unwatch watch(int fd, Events events, UniqueFunction<void(Events)> callback) {
        on_first([&] {
            watch_.reset();
            auto watched = loop_->watch(fd, events, std::move(callback));
            ASSERT_TRUE(watched) << watched.error().message;
            watch_ = std::move(watched).value();
        });
        return Unwatch(*this);
    }

    WatchPtr watch_;
};

TEST_F(Watching, TellsWhatCanBeRead) {
    const auto pair = Pair::sockets();
    Inbox<std::string> read;
    const auto unwatch = watch(pair.fds[0], kReadable, [&](Events events) {
        EXPECT_EQ(events, kReadable);
        EXPECT_TRUE(loop_->in_loop_thread());
        read.push(read_some(pair.fds[0]));
    });
    for (const std::string text : {"one", "two"}) {
        pair.write(1, text);
        EXPECT_EQ(read.next(), text);
    }
    let_pass(20ms);
    EXPECT_EQ(read.size(), 0u);
}

TEST_F(Watching, TellsAgainWhileNothingIsDone) {
    const auto pair = Pair::pipe();
    std::atomic<int> calls{0};
    pair.write(1, "x");
    const auto unwatch = watch(pair.fds[0], kReadable, [&](Events) { ++calls; });
    EXPECT_TRUE(eventually([&] { return calls >= 3; }));
    on_first([&] { watch_->want({}); });
    const int before = calls;
    let_pass(20ms);
    EXPECT_EQ(calls, before);
}

TEST_F(Watching, ChangesWhatItIsWantedFor) {
    const auto pair = Pair::sockets();
    Inbox<Events> told;
    const auto unwatch = watch(pair.fds[0], {}, [&](Events events) {
        told.push(events);
        watch_->want({});
    });
    pair.write(1, "x");
    let_pass(20ms);
    EXPECT_EQ(told.size(), 0u);
    on_first([&] { watch_->want(kWritable); });
    EXPECT_EQ(told.next(), kWritable);
    on_first([&] { watch_->want(kReadable); });
    EXPECT_EQ(told.next(), kReadable);
    on_first([&] { watch_->want(kBoth); });
    EXPECT_EQ(told.next(), kBoth);
    let_pass(20ms);
    EXPECT_EQ(told.size(), 0u);
}

TEST_F(Watching, TellsAHangUpAsWhatWasWanted) {
    for (const Events events : {kReadable, kWritable, kBoth}) {
        auto pair = Pair::sockets();
        Inbox<Events> told;
        const auto unwatch = watch(pair.fds[0], {}, [&](Events told_of) {
            told.push(told_of);
            watch_->want({});
        });
        pair.close(1);
        on_first([&] { watch_->want(events); });
        EXPECT_EQ(told.next(), events);
    }
}

TEST_F(Watching, TellsAnErrorAgainAndAgain) {
    auto pair = Pair::pipe();
    std::atomic<int> calls{0};
    pair.close(0);  // from now on the other end is in error
    const auto unwatch = watch(pair.fds[1], kWritable, [&](Events events) {
        EXPECT_EQ(events, kWritable);
        if (++calls == 3) watch_->want({});
    });
    EXPECT_TRUE(eventually([&] { return calls == 3; }));
    let_pass(20ms);
    EXPECT_EQ(calls, 3);
}

TEST_F(Watching, MayBeDestroyedInItsOwnCallback) {
    const auto held = std::make_shared<int>(0);
    auto pair = Pair::pipe();
    std::atomic<int> calls{0};
    const auto destroy_in_callback = [&](int fd, Events events) {
        return watch(fd, events, [&, held](Events) {
            watch_.reset();
            ++*held;  // its own closure is still there
            ++calls;
        });
    };
    pair.write(1, "x");
    const auto first = destroy_in_callback(pair.fds[0], kReadable);
    EXPECT_TRUE(eventually([&] { return calls == 1; }));
    pair.close(0);
    const auto second = destroy_in_callback(pair.fds[1], kWritable);  // the same on an error
    EXPECT_TRUE(eventually([&] { return calls == 2; }));
    let_pass(20ms);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(Watching, ADescriptorMayBeClosedAndItsNumberWatchedAgainAtOnce) {
    auto first = Pair::sockets();
    auto second = Pair::sockets();
    Inbox<std::string> read;
    const auto unwatch = watch(first.fds[0], kReadable, [&](Events) {
        const int number = first.fds[0];
        watch_.reset();
        EXPECT_EQ(::dup2(second.fds[0], number), number);  // closes it, and gives its number to another
        auto again = loop_->watch(number, kReadable, [&, number](Events) { read.push(read_some(number)); });
        ASSERT_TRUE(again) << again.error().message;
        watch_ = std::move(again).value();
    });
    first.write(1, "never read");
    second.write(1, "of the second");
    EXPECT_EQ(read.next(), "of the second");
    second.write(1, "and more");
    EXPECT_EQ(read.next(), "and more");
}

TEST_F(Watching, ACallbackMayOwnItsDescriptorAndGiveTheNumberToAnother) {
    auto first = Pair::sockets();
    auto second = Pair::sockets();
    Inbox<std::string> read;
    const int number = first.fds[0];
    const auto give = [&, number](void*) {
        EXPECT_EQ(::dup2(second.fds[0], number), number);
        auto again = loop_->watch(number, kReadable, [&, number](Events) { read.push(read_some(number)); });
        ASSERT_TRUE(again) << again.error().message;
        watch_ = std::move(again).value();
    };
    const auto unwatch = watch(number, kReadable, [owner = std::shared_ptr<void>(nullptr, give)](Events) {});
    on_first([&] { auto gone = std::move(watch_); });
    second.write(1, "of the second");
    EXPECT_EQ(read.next(), "of the second");
}

TEST_F(Watching, OneMayDestroyAnotherThatIsReadyToo) {
    const auto a = Pair::pipe(), b = Pair::pipe();
    std::atomic<int> calls{0};
    WatchPtr watches[2];
    on_first([&] {
        const Pair* pairs[] = {&a, &b};
        for (int i = 0; i < 2; ++i) {
            watches[i] = loop_
                             ->watch(pairs[i]->fds[0], kReadable,
                                     [&](Events) {
                                         ++calls;
                                         for (auto& watch : watches) watch.reset();
                                     })
                             .value();
            pairs[i]->write(1, "x");
        }
    });
    EXPECT_TRUE(eventually([&] { return calls == 1; }));
    let_pass(20ms);
    EXPECT_EQ(calls, 1);
}

TEST_F(Watching, RefusesWhatCannotBeWatched) {
    const auto expect_refused = [&](int fd) {
        const auto refused = try_watch(fd);
        ASSERT_FALSE(refused) << fd;
        EXPECT_EQ(refused.error().code, Errc::system);
        EXPECT_NE(refused.error().message.find(std::to_string(fd)), std::string::npos) << refused.error().message;
    };
    expect_refused(-1);
    auto pair = Pair::pipe();
    const int closed = pair.fds[0];
    pair.close(0);
    expect_refused(closed);
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    expect_refused(file);
    ::close(file);
}

TEST_F(Watching, RefusesTheSameDescriptorTwice) {
    const auto pair = Pair::sockets();
    for (const Events events : {kReadable, Events{}}) {
        const auto unwatch = watch(pair.fds[0], events, [](Events) {});
        EXPECT_EQ(try_watch(pair.fds[0]).error().code, Errc::system);
        EXPECT_EQ(try_watch(pair.fds[0], {}).error().code, Errc::system);
        on_first([&] { watch_.reset(); });
        on_first([&] { EXPECT_TRUE(loop_->watch(pair.fds[0], kReadable, [](Events) {})); });
    }
}

TEST_F(Watching, ManyOnSeveralLoops) {
    constexpr int kPairs = 50;
    std::vector<Pair> pairs;
    std::vector<WatchPtr> watches(2 * kPairs);
    std::atomic<int> told{0};
    const auto loops = (*server_)->loops();
    for (int i = 0; i < 2 * kPairs; ++i) {
        pairs.push_back(Pair::sockets());
        auto& loop = loops[static_cast<std::size_t>(i % 2)];
        on_loop(*loop, [&, fd = pairs.back().fds[0]] {
            auto watched = loop->watch(fd, kReadable, [&, loop, fd](Events) {
                EXPECT_TRUE(loop->in_loop_thread());
                if (read_some(fd) == "x") ++told;
            });
            ASSERT_TRUE(watched);
            watches[static_cast<std::size_t>(i)] = std::move(watched).value();
        });
    }
    for (const auto& pair : pairs) pair.write(1, "x");
    EXPECT_TRUE(eventually([&] { return told == 2 * kPairs; }));
    server_.reset();  // with all of them still there
    watches.clear();
}

TEST_F(Watching, FencesWhatCallbacksThrow) {
    const auto pair = Pair::pipe();
    pair.write(1, "xx");
    const auto unwatch = watch(pair.fds[0], kReadable, [&](Events) {
        char byte;
        EXPECT_EQ(::read(pair.fds[0], &byte, 1), 1);
        throw std::runtime_error("from a watch");
    });
    for (int i = 0; i < 2; ++i) EXPECT_NE(errors_.next()->message.find("from a watch"), std::string::npos);
}

TEST_F(Watching, MayOutliveTheLoop) {
    const auto held = std::make_shared<int>(0);
    const auto pair = Pair::sockets(), unwatched = Pair::sockets();
    std::atomic<int> calls{0};
    const auto unwatch = watch(pair.fds[0], kReadable, [&calls, held](Events) { ++calls; });
    (*server_)->stop();
    (*server_)->wait();
    EXPECT_EQ(held.use_count(), 1) << "the callback goes with the loop";
    pair.write(1, "x");
    watch_->want(kBoth);
    const auto late = loop_->watch(unwatched.fds[0], kReadable, [&](Events) { ++calls; });
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Errc::wrong_state);
    server_.reset();
    loop_.reset();
    std::thread([&] { watch_.reset(); }).join();
    EXPECT_EQ(calls, 0);
}

TEST_F(Watching, ACallbackMayOwnItsWatch) {
    const auto pair = Pair::sockets();
    std::weak_ptr<WatchPtr> kept;
    on_first([&] {
        auto owner = std::make_shared<WatchPtr>();
        kept = owner;
        *owner = loop_->watch(pair.fds[0], kReadable, [owner](Events) {}).value();
    });
    EXPECT_FALSE(kept.expired());
    server_.reset();
    EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace cryo::test
