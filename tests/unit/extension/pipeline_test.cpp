#include "extension/pipeline.h"

#include <gtest/gtest.h>

#include "support/fake_extension.h"

namespace cryo::extension {
namespace {

using test::FakeExtension;

std::vector<std::string> names(const Snapshot& snapshot) {
    std::vector<std::string> names;
    for (const auto& entry : *snapshot) names.push_back(entry->name);
    return names;
}

TEST(Pipeline, HasNoListWithoutExtensions) { EXPECT_EQ(Pipeline().snapshot(), nullptr); }

TEST(Pipeline, KeepsTheOrderOfRegistration) {
    Pipeline pipeline;
    for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(pipeline.add(std::make_shared<FakeExtension>(name)));
    EXPECT_EQ(names(pipeline.snapshot()), (std::vector<std::string>{"b", "a", "c"}));
    EXPECT_LT((*pipeline.snapshot())[0]->order, (*pipeline.snapshot())[1]->order);
}

TEST(Pipeline, RefusesTakenNamesAndNothing) {
    Pipeline pipeline;
    ASSERT_TRUE(pipeline.add(std::make_shared<FakeExtension>("a")));
    EXPECT_EQ(pipeline.add(std::make_shared<FakeExtension>("a")).error().code, Errc::duplicate);
    EXPECT_EQ(pipeline.add(std::make_shared<FakeExtension>("")).error().code, Errc::invalid_argument);
    EXPECT_EQ(pipeline.add(nullptr).error().code, Errc::invalid_argument);
    EXPECT_EQ(pipeline.snapshot()->size(), 1u);
}

TEST(Pipeline, OldSnapshotsStayAsTheyWere) {
    Pipeline pipeline;
    const auto one = pipeline.add(std::make_shared<FakeExtension>("a")).value();
    const auto two = pipeline.add(std::make_shared<FakeExtension>("b")).value();
    const auto rest = pipeline.remove("a").value();
    EXPECT_EQ(names(one), (std::vector<std::string>{"a"}));
    EXPECT_EQ(names(two), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(names(rest), (std::vector<std::string>{"b"}));
    EXPECT_EQ(pipeline.remove("b").value(), nullptr);
}

TEST(Pipeline, RemovesOnlyWhatIsThere) {
    Pipeline pipeline;
    EXPECT_EQ(pipeline.remove("a").error().code, Errc::not_found);
    EXPECT_EQ(pipeline.find("a"), nullptr);
    const auto extension = std::make_shared<FakeExtension>("a");
    ASSERT_TRUE(pipeline.add(extension));
    EXPECT_EQ(pipeline.find("a"), extension);
}

TEST(Pipeline, AReturningNameGetsANewPlace) {
    Pipeline pipeline;
    for (const char* name : {"a", "b"}) ASSERT_TRUE(pipeline.add(std::make_shared<FakeExtension>(name)));
    ASSERT_TRUE(pipeline.remove("a"));
    ASSERT_TRUE(pipeline.add(std::make_shared<FakeExtension>("a")));
    EXPECT_EQ(names(pipeline.snapshot()), (std::vector<std::string>{"b", "a"}));
}

}  // namespace
}  // namespace cryo::extension
