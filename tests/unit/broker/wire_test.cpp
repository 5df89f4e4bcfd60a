#include "wire.h"

#include <gtest/gtest.h>

namespace cryo::broker::wire {
namespace {

using std::string_literals::operator""s;

const Target kEverything{"id", "user", "session", "channel"};

TEST(BrokerWire, MessagesSurviveTheRoundTrip) {
    const Message message{Message::Type::binary, "\x00\xff body"s, kEverything, {"reply", 1ull << 63}};
    const auto decoded = decode_message(encode(message));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value(), message);
}

TEST(BrokerWire, ActionsSurviveTheRoundTrip) {
    const ChannelAction action{ChannelAction::Type::unsubscribe, "news", kEverything, {"reply", 7}};
    const auto decoded = decode_channel_action(encode(action));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value(), action);
}

TEST(BrokerWire, ConfirmationsSurviveTheRoundTrip) {
    const Confirmation confirmation{9, 3, false};
    const auto decoded = decode_confirmation(encode(confirmation));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value(), confirmation);
}

TEST(BrokerWire, IsDsocksOnTheWire) {
    const Message message{Message::Type::text, "hi", {.user = "ada", .session = "s"}, {}};
    EXPECT_EQ(encode(message),
              "\x08\x01\x12\x02hi\x1a\x08\x12\x03"
              "ada\x1a\x01s");
    const ChannelAction action{ChannelAction::Type::unsubscribe, "c", {.id = "i"}, {}};
    EXPECT_EQ(encode(action),
              "\x0a\x01"
              "c\x12\x03\x0a\x01i\x18\x01");
}

TEST(BrokerWire, ADisconnectHasNoTypeOnTheWire) {
    EXPECT_EQ(encode(Message{Message::Type::disconnect, "", {.channel = "c"}, {}}),
              "\x1a\x03\x22\x01"
              "c");
}

TEST(BrokerWire, SkipsFieldsItDoesNotKnow) {
    const auto decoded = decode_message("\x08\x02\x1a\x03\x0a\x01i\xfa\x07\x03new"s);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value().target.id, "i");
}

TEST(BrokerWire, RefusesMessagesWithoutTarget) {
    EXPECT_EQ(decode_message("").error().message, "a message has no target");
    EXPECT_EQ(decode_message("\x08\x01").error().message, "a message has no target");
    EXPECT_FALSE(decode_channel_action("").ok());
}

TEST(BrokerWire, RefusesTypesItDoesNotKnow) {
    EXPECT_EQ(decode_message("\x08\x09\x1a\x03\x0a\x01i"s).error().message, "a message has the unknown type 9");
    EXPECT_FALSE(decode_channel_action("\x0a\x01"
                                       "c\x12\x03\x0a\x01i\x18\x02"s)
                     .ok());
    EXPECT_FALSE(decode_message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x03\x0a\x01i"s).ok());
}

TEST(BrokerWire, RefusesActionsWithoutChannel) { EXPECT_FALSE(decode_channel_action("\x12\x03\x0a\x01i"s).ok()); }

TEST(BrokerWire, RefusesWhatIsCutOff) {
    const auto whole = encode(Message{Message::Type::text, "hello", kEverything, {"reply", 300}});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto decoded = decode_message(std::string_view(whole).substr(0, length));
        if (decoded) {
            EXPECT_NE(decoded.value().reply, (ReplyAddress{"reply", 300})) << length;
        }
    }
}

}  // namespace
}  // namespace cryo::broker::wire
