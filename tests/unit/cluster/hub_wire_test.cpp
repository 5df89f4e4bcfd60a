#include "hub_wire.h"

#include <gtest/gtest.h>

namespace cryo::cluster {
namespace {

using hub::Audience;
using hub::Target;

const Audience kAudience({Target::topic("red"), Target::session("ada", "phone"), Target::connection("1"), {}},
                         {Target::user(std::string("\0\xff", 2))});

/// Nothing but the whole is accepted, unless what is left out is payload.
template <class Decode>
void expect_only_whole(const std::vector<std::byte>& bytes, Decode decode) {
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode(Bytes(bytes).first(length))) << length;
    }
    auto more = bytes;
    more.push_back(std::byte{0});
    EXPECT_FALSE(decode(more));
}

TEST(HubWire, PublicationsComeBackAsTheyWere) {
    for (const auto kind : {MessageKind::text, MessageKind::binary}) {
        const auto bytes = encode(HubCommand{7, kAudience, HubCommand::Publish{kind, as_bytes("hello")}});
        const auto command = decode_command(bytes);
        ASSERT_TRUE(command);
        EXPECT_EQ(command->token, 7u);
        EXPECT_EQ(command->audience, kAudience);
        const auto& publish = std::get<HubCommand::Publish>(command->action);
        EXPECT_EQ(publish.kind, kind);
        EXPECT_EQ(as_text(publish.payload), "hello");
    }
}

TEST(HubWire, CommandsComeBackAsTheyWere) {
    const auto disconnect = encode(HubCommand{1, kAudience, HubCommand::Disconnect{4001, "go"}});
    const auto one = decode_command(disconnect);
    ASSERT_TRUE(one);
    EXPECT_EQ(std::get<HubCommand::Disconnect>(one->action).code, 4001);
    EXPECT_EQ(std::get<HubCommand::Disconnect>(one->action).reason, "go");
    expect_only_whole(disconnect, decode_command);

    const auto change = encode(HubCommand{0, kAudience, HubCommand::Change{{"a", "b"}, false}});
    const auto two = decode_command(change);
    ASSERT_TRUE(two);
    EXPECT_EQ(std::get<HubCommand::Change>(two->action).topics, (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(std::get<HubCommand::Change>(two->action).subscribe);
    expect_only_whole(change, decode_command);
}

TEST(HubWire, OnlyCommandsThatMayComeSeveralTimesHaveAnId) {
    const HubCommand single{7, kAudience, HubCommand::Disconnect{4001, "go"}};
    auto copied = single;
    copied.id = CommandId{8, 9};
    EXPECT_FALSE(decode_command(encode(single))->id);
    EXPECT_EQ(decode_command(encode(copied))->id, copied.id);
    EXPECT_EQ(decode_command(encode(copied))->token, 7u);
    EXPECT_EQ(encode(copied).size(), encode(single).size() + 16);
    expect_only_whole(encode(copied), decode_command);
}

TEST(HubWire, WhatWouldBeCutDoesNotFit) {
    const std::string longest(65'535, 'n'), too_long(65'536, 'n');
    const std::vector<Target> most(65'535, Target::user("ada")), too_many(65'536, Target::user("ada"));
    EXPECT_TRUE(fits(kAudience));
    EXPECT_TRUE(fits(Audience(most, most)));
    EXPECT_FALSE(fits(Audience(too_many, {})));
    EXPECT_FALSE(fits(Audience({Target::everybody()}, too_many)));
    EXPECT_TRUE(fits(Audience({Target::session(longest, longest)}, {})));
    EXPECT_FALSE(fits(Audience({Target::topic(too_long)}, {})));
    EXPECT_FALSE(fits(Audience({Target::everybody()}, {Target::session("ada", too_long)})));

    const auto change = [](std::vector<std::string> topics) {
        return HubCommand{0, kAudience, HubCommand::Change{std::move(topics), true}};
    };
    EXPECT_TRUE(fits(change({longest})));
    EXPECT_FALSE(fits(change({too_long})));
    EXPECT_FALSE(fits(change(std::vector<std::string>(65'536, "t"))));
    EXPECT_FALSE(fits(HubCommand{0, Audience({}, too_many), HubCommand::Disconnect{1000, ""}}));
}

TEST(HubWire, QuestionsComeBackAsTheyWere) {
    const auto report = encode(HubQuestion{HubQuestion::Report{1, {"ta", "ub"}}});
    ASSERT_TRUE(decode_question(report));
    EXPECT_EQ(std::get<HubQuestion::Report>(decode_question(report)->what).token, 1u);
    EXPECT_EQ(std::get<HubQuestion::Report>(decode_question(report)->what).topics,
              (std::vector<std::string>{"ta", "ub"}));
    expect_only_whole(report, decode_question);

    const auto count = encode(HubQuestion{HubQuestion::Count{kAudience}});
    EXPECT_EQ(std::get<HubQuestion::Count>(decode_question(count)->what).audience, kAudience);
    expect_only_whole(count, decode_question);
    const auto list = encode(HubQuestion{HubQuestion::List{kAudience}});
    EXPECT_EQ(std::get<HubQuestion::List>(decode_question(list)->what).audience, kAudience);
    const auto topics = encode(HubQuestion{HubQuestion::ListTopics{"pre"}});
    EXPECT_EQ(std::get<HubQuestion::ListTopics>(decode_question(topics)->what).prefix, "pre");
    EXPECT_FALSE(decode_question(encode(HubCommand{1, {}, HubCommand::Disconnect{}}))) << "a command is no question";
    EXPECT_FALSE(decode_command(topics));
}

TEST(HubWire, AnswersComeBackAsTheyWere) {
    const auto outcome = encode(hub::Outcome{5, false});
    EXPECT_EQ(decode_outcome(outcome), std::optional(hub::Outcome{5, false}));
    expect_only_whole(outcome, decode_outcome);

    using std::chrono::milliseconds;
    hub::Listing listing;
    listing.complete = false;
    listing.subscribers.push_back({.id = "1",
                                   .user = "ada",
                                   .session = "s",
                                   .topics = {"t"},
                                   .remote_address = "::1",
                                   .since = std::chrono::system_clock::time_point(milliseconds(1234567)),
                                   .last_heard = std::chrono::system_clock::time_point(milliseconds(7654321))});
    listing.subscribers.push_back({.id = "2"});
    const auto bytes = encode(listing, 10'000);
    const auto got = decode_listing(bytes);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->subscribers, listing.subscribers);
    EXPECT_FALSE(got->complete);
    EXPECT_FALSE(got->truncated);

    const auto topics = encode(hub::TopicListing{.topics = {{"t", 3}}}, 10'000);
    ASSERT_TRUE(decode_topic_listing(topics));
    EXPECT_EQ(decode_topic_listing(topics)->topics, (std::vector<hub::TopicCount>{{"t", 3}}));
    EXPECT_TRUE(decode_topic_listing(topics)->complete);
}

TEST(HubWire, WhatDoesNotFitIsLeftOutAndSaidSo) {
    hub::TopicListing listing;
    for (int i = 0; i < 100; ++i) listing.topics.push_back({"topic-" + std::to_string(i), 1});
    const auto bytes = encode(listing, 200);
    EXPECT_LE(bytes.size(), 200u);
    const auto got = decode_topic_listing(bytes);
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->truncated);
    EXPECT_FALSE(got->topics.empty());
    EXPECT_LT(got->topics.size(), 100u);
}

TEST(HubWire, RefusesWhatNobodySends) {
    EXPECT_FALSE(decode_command({}));
    EXPECT_FALSE(decode_question({}));
    EXPECT_FALSE(decode_listing({}));
    EXPECT_FALSE(decode_outcome({}));
    auto bytes = encode(HubCommand{1, Target::topic("t"), HubCommand::Publish{}});
    bytes[11] = std::byte{4};  // no such kind of target
    EXPECT_FALSE(decode_command(bytes));
    auto time = encode(hub::Listing{.subscribers = {{.id = "1"}}}, 1000);
    time[time.size() - 2] = std::byte{0xff};  // in the far future
    EXPECT_FALSE(decode_listing(time));
    const std::vector<std::byte> many(70, std::byte{0xff});  // counts and lengths that are not there
    EXPECT_FALSE(decode_command(many));
    EXPECT_FALSE(decode_listing(many));
}

}  // namespace
}  // namespace cryo::cluster
