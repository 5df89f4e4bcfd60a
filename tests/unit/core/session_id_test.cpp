#include <unordered_set>

#include <gtest/gtest.h>

#include <cryo/session_id.h>

namespace cryo {
namespace {

constexpr const char* kText = "c4b37358-a443-419e-90aa-12746ba74926";

TEST(SessionId, RoundTripsThroughText) {
    const auto id = SessionId::parse(kText);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->bytes[0], std::byte{0xc4});
    EXPECT_EQ(id->bytes[15], std::byte{0x26});
    EXPECT_EQ(id->to_string(), kText);
}

TEST(SessionId, ReadsUpperCaseAndWritesLowerCase) {
    EXPECT_EQ(SessionId::parse("C4B37358-A443-419E-90AA-12746BA74926")->to_string(), kText);
}

TEST(SessionId, RefusesEverythingElse) {
    for (const char* text : {"", "c4b37358", "c4b37358a443419e90aa12746ba74926", "{4b37358-a443-419e-90aa-12746ba7492}",
                             "c4b37358-a443-419e-90aa-12746ba7492g", "c4b37358-a443-419e-90aa-12746ba749266",
                             "c4b37358-a443-419e-90aa-12746ba7492", "c4b37358_a443-419e-90aa-12746ba74926",
                             "c4b3735-8a443-419e-90aa-12746ba74926", "c4b37358-a443-419e-90aa-12746ba7492 "}) {
        EXPECT_FALSE(SessionId::parse(text)) << text;
    }
    EXPECT_FALSE(SessionId::parse(std::string_view("c4b37358-a443-419e-90aa-12746ba7492\0", 36)));
}

TEST(SessionId, RandomOnesAreVersion4AndDiffer) {
    std::unordered_set<SessionId> ids;
    for (int i = 0; i < 1000; ++i) {
        const SessionId id = SessionId::random();
        EXPECT_EQ(id.to_string()[14], '4');
        EXPECT_NE(std::string_view("89ab").find(id.to_string()[19]), std::string_view::npos);
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 1000u);
}

TEST(SessionId, HashSpreadsIdsThatDifferLittle) {
    std::unordered_set<std::size_t> low_bits;
    SessionId id;
    for (unsigned i = 0; i < 256; ++i) {
        for (unsigned j = 0; j < 16; ++j) {
            id.bytes[0] = static_cast<std::byte>(i);
            id.bytes[15] = static_cast<std::byte>(j);
            low_bits.insert(std::hash<SessionId>()(id) % 65536);
        }
    }
    EXPECT_GT(low_bits.size(), 3800u);  // of 4096; by chance about 3970
}

}  // namespace
}  // namespace cryo
