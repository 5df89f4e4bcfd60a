#include "connection/connection_limiter.h"

#include <gtest/gtest.h>

namespace cryo::connection {
namespace {

using Verdict = ConnectionLimiter::Verdict;

TEST(ConnectionLimiter, CountsSocketsUpToTheLimit) {
    ServerOptions options;
    options.max_connections = 2;
    ConnectionLimiter limiter(options);
    EXPECT_TRUE(limiter.enter());
    EXPECT_TRUE(limiter.enter());
    EXPECT_FALSE(limiter.enter());
    EXPECT_EQ(limiter.connections(), 2u);
    limiter.leave();
    EXPECT_TRUE(limiter.enter());
}

TEST(ConnectionLimiter, CountsSessionsUpToTheLimit) {
    ServerOptions options;
    options.max_sessions = 1;
    ConnectionLimiter limiter(options);
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::admitted);
    EXPECT_EQ(limiter.admit("10.0.0.2"), Verdict::too_many);
    limiter.release("10.0.0.1");
    EXPECT_EQ(limiter.admit("10.0.0.2"), Verdict::admitted);
    EXPECT_EQ(limiter.sessions(), 1u);
}

TEST(ConnectionLimiter, CountsSessionsOfEachAddress) {
    ServerOptions options;
    options.max_sessions_per_ip = 2;
    ConnectionLimiter limiter(options);
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::admitted);
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::admitted);
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::too_many_of_address);
    EXPECT_EQ(limiter.sessions(), 2u) << "a refusal takes no place";
    EXPECT_EQ(limiter.admit("10.0.0.2"), Verdict::admitted);
    limiter.release("10.0.0.1");
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::admitted);
}

TEST(ConnectionLimiter, WithoutALimitOneAddressMayHaveAllOfThem) {
    ServerOptions options;
    options.max_sessions = 1000;
    ConnectionLimiter limiter(options);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(limiter.admit("10.0.0.1"), Verdict::admitted);
    EXPECT_EQ(limiter.admit("10.0.0.1"), Verdict::too_many);
}

}  // namespace
}  // namespace cryo::connection
