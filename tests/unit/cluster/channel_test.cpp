#include "channel.h"

#include <string>

#include <gtest/gtest.h>

#include <cryo/cluster/pub_sub.h>

namespace cryo::cluster {
namespace {

TEST(ChannelName, PartsAreNotEmpty) {
    EXPECT_TRUE(is_channel_name("cryo:t:hub:room-1_=20"));
    EXPECT_FALSE(is_channel_name(""));
    EXPECT_FALSE(is_channel_name(":a"));
    EXPECT_FALSE(is_channel_name("a:"));
    EXPECT_FALSE(is_channel_name("a::b"));
}

TEST(ChannelName, TakesNothingThatABackendCouldMisread) {
    for (const char c : std::string_view(" .*>?[]{}\\\"'\r\n\0\x80", 17)) {
        EXPECT_FALSE(is_channel_name(std::string("a") + c)) << static_cast<int>(c);
    }
    EXPECT_TRUE(is_channel_name(std::string(kMaxChannelBytes, 'x')));
    EXPECT_FALSE(is_channel_name(std::string(kMaxChannelBytes + 1, 'x')));
}

TEST(TopicChannel, EscapesWhatIsNoNameCharacter) {
    EXPECT_EQ(topic_channel("cryo", "hub", "room-1"), "cryo:t:hub:room-1");
    EXPECT_EQ(topic_channel("cryo", "hub", "a:b=c d"), "cryo:t:hub:a=3ab=3dc=20d");
    EXPECT_EQ(topic_channel("cryo", "hub", std::string_view("\0\xff", 2)), "cryo:t:hub:=00=ff");
}

TEST(TopicChannel, LongTopicsStayApartAndFit) {
    const std::string cluster(kMaxClusterBytes, 'c');
    const std::string port(kMaxPortBytes, 'p');
    for (const std::size_t length : {160u, 161u, 1024u}) {
        const std::string one(length, 'x');
        const auto other = std::string(length - 1, 'x') + 'y';
        EXPECT_TRUE(is_channel_name(topic_channel(cluster, port, one))) << length;
        EXPECT_NE(topic_channel(cluster, port, one), topic_channel(cluster, port, other)) << length;
        EXPECT_TRUE(is_channel_name(topic_channel(cluster, port, std::string(length, ' ')))) << length;
    }
    // 160 characters that look like a hash are escaped, and so are no hash.
    EXPECT_NE(topic_channel("c", "p", "==abc").find("=3d=3dabc"), std::string::npos);
}

TEST(NodeChannel, NeverLooksLikeAnother) {
    EXPECT_EQ(all_nodes_channel("cryo"), "cryo:all");
    EXPECT_EQ(node_channel("cryo", "n1"), "cryo:n:n1");
    EXPECT_TRUE(is_channel_name(node_channel(std::string(kMaxClusterBytes, 'c'), std::string(kMaxNodeBytes, 'n'))));
}

TEST(Name, IsShortAndPlain) {
    EXPECT_TRUE(is_name("Node_1-a", 64));
    EXPECT_FALSE(is_name("", 64));
    EXPECT_FALSE(is_name("a:b", 64));
    EXPECT_FALSE(is_name("a=b", 64));
    EXPECT_FALSE(is_name("abcd", 3));
}

}  // namespace
}  // namespace cryo::cluster
