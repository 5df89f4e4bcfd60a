#include <random>

#include <gtest/gtest.h>

#include "session/session_core.h"
#include "support/session_core_fixture.h"

namespace cryo::session {
namespace {

using namespace std::chrono_literals;
using test::CoreUnderTest;

std::string random_payload(std::mt19937& random) {
    std::string payload(random() % 300, '\0');
    for (char& c : payload) c = static_cast<char>('a' + random() % 26);
    return payload;
}

/// Whatever two honest sides say, everything arrives once and in order, is acknowledged, and nothing else happens.
void converse(bool use_cale, unsigned seed) {
    std::mt19937 random(seed);
    CoreUnderTest t(use_cale);
    t.established();
    std::vector<std::string> to_client, to_server;
    for (int i = 0; i < 3000; ++i) {
        t.now += std::chrono::milliseconds(random() % 4);
        switch (random() % 6) {
            case 0:
            case 1:
                to_client.push_back(random_payload(random));
                ASSERT_TRUE(t.send(MessageKind::text, to_client.back()));
                break;
            case 2:
            case 3:
                to_server.push_back(random_payload(random));
                t.client.send_binary(as_bytes(to_server.back()));
                break;
            case 4:
                if (random() % 20 == 0) t.core.ping();
                break;
            case 5:
                t.exchange(1 << 20);
                if (random() % 50 == 0) t.core.on_heartbeat(t.now);
                break;
        }
    }
    t.exchange(1 << 20);
    EXPECT_EQ(t.client.texts, to_client);
    ASSERT_EQ(t.link.delivered.size(), to_server.size());
    for (std::size_t i = 0; i < to_server.size(); ++i) EXPECT_EQ(t.link.delivered[i].second, to_server[i]);
    std::size_t acks = 0;
    for (const auto& frame : t.client.received) acks += frame.type == test::CryoClientModel::ack;
    EXPECT_EQ(acks, to_server.size());
    EXPECT_EQ(t.core.pending_acks(), 0u);
    EXPECT_EQ(t.core.ack_timeouts(), 0u);
    EXPECT_EQ(t.client.misread, 0u);
    EXPECT_TRUE(t.link.closes.empty());
}

TEST(SessionCoreWithClient, EverythingArrivesOnceAndInOrder) {
    for (unsigned seed = 0; seed < 5; ++seed) converse(false, seed);
}

TEST(SessionCoreWithClient, EverythingArrivesOnceAndInOrderWithCale) {
    for (unsigned seed = 0; seed < 5; ++seed) converse(true, seed);
}

}  // namespace
}  // namespace cryo::session
