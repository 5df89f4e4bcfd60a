#include "connector.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/manual_loop.h"

namespace cryo::redis {
namespace {

using std::chrono::milliseconds;

class ConnectorTest : public ::testing::Test, protected Connector::Listener {
protected:
    /// Knows of no server, and says so at once or never.
    class NoServer final : public ILocator {
    public:
        explicit NoServer(ConnectorTest& test) noexcept : test_(test) {}
        void locate(Done done) override {
            test_.attempts.push_back(test_.loop->now());
            if (test_.answers) return done(Error{Errc::not_found, "no server"});
            kept_ = std::move(done);
        }

    private:
        ConnectorTest& test_;
        Done kept_{};
    };

    void on_up() override { ADD_FAILURE() << "there is no server"; }
    void on_reply(Reply) override { ADD_FAILURE() << "there is no server"; }
    void on_down(const Connector::Down& down) override { reasons.emplace_back(down.reason); }

    /// The times between one attempt and the next.
    std::vector<milliseconds> pauses() const {
        std::vector<milliseconds> pauses;
        for (std::size_t i = 1; i < attempts.size(); ++i) {
            pauses.push_back(std::chrono::duration_cast<milliseconds>(attempts[i] - attempts[i - 1]));
        }
        return pauses;
    }

    const ConnectTimes times{
        .connect_timeout = milliseconds(1000), .retry_min = milliseconds(100), .retry_max = milliseconds(1500)};
    std::shared_ptr<test::ManualLoop> loop = std::make_shared<test::ManualLoop>();
    std::shared_ptr<ConnectCounters> counters = std::make_shared<ConnectCounters>();
    bool answers = true;
    std::vector<Loop::Clock::time_point> attempts;
    std::vector<std::string> reasons;
    Connector connector{loop, std::make_shared<const LinkConfig>(), times, std::make_unique<NoServer>(*this), counters,
                        *this};
};

TEST_F(ConnectorTest, TriesMoreAndMoreSeldomButNeverGivesUp) {
    connector.start();
    loop->advance(std::chrono::hours(1));
    const auto all = pauses();
    ASSERT_GT(all.size(), 2000u);
    auto longest = times.retry_min;
    for (const auto pause : all) {
        ASSERT_GE(pause, longest / 2);
        ASSERT_LE(pause, longest);
        longest = std::min(2 * longest, times.retry_max);
    }
    EXPECT_GT(std::set<milliseconds>(all.begin(), all.end()).size(), 100u) << "clients do not come all at once";
    EXPECT_EQ(counters->failed_connects, attempts.size());
    EXPECT_EQ(reasons.size(), attempts.size());
}

TEST_F(ConnectorTest, AnAttemptThatTakesTooLongHasFailed) {
    answers = false;
    connector.start();
    loop->advance(std::chrono::minutes(1));
    ASSERT_GT(attempts.size(), 20u);
    for (const auto pause : pauses()) {
        EXPECT_GT(pause, times.connect_timeout);
        EXPECT_LE(pause, times.connect_timeout + times.retry_max);
    }
    EXPECT_EQ(reasons.front(), "cannot find the server within 1000 ms");
}

TEST_F(ConnectorTest, TriesNoMoreOnceItIsStopped) {
    connector.start();
    loop->advance(milliseconds(500));
    const auto before = attempts.size();
    connector.stop();
    loop->advance(std::chrono::hours(1));
    EXPECT_EQ(attempts.size(), before);
}

}  // namespace
}  // namespace cryo::redis
