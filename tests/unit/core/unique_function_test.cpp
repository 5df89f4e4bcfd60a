#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <cryo/unique_function.h>

namespace cryo {
namespace {

TEST(UniqueFunction, EmptyByDefaultAndAfterAMove) {
    UniqueFunction<int()> f;
    EXPECT_FALSE(f);
    f = [] { return 1; };
    EXPECT_TRUE(f);
    UniqueFunction<int()> g = std::move(f);
    EXPECT_FALSE(f);
    EXPECT_EQ(g(), 1);
    g = nullptr;
    EXPECT_FALSE(g);
}

TEST(UniqueFunction, OwnsSmallAndLargeCallables) {
    const auto counted = std::make_shared<int>(7);
    {
        UniqueFunction<int()> small = [counted] { return *counted; };
        UniqueFunction<int()> large = [counted, padding = std::array<char, 100>{}] { return *counted + padding[0]; };
        UniqueFunction<int()> moved = std::move(large);
        EXPECT_EQ(small() + moved(), 14);
        EXPECT_EQ(counted.use_count(), 3);
        small = std::move(moved);
        EXPECT_EQ(counted.use_count(), 2);
    }
    EXPECT_EQ(counted.use_count(), 1);
}

TEST(UniqueFunction, PassesMoveOnlyArguments) {
    UniqueFunction<std::string(std::unique_ptr<std::string>)> f = [](std::unique_ptr<std::string> text) {
        return *text;
    };
    EXPECT_EQ(f(std::make_unique<std::string>("x")), "x");
}

}  // namespace
}  // namespace cryo
