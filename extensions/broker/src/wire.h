#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <cryo/broker/target.h>
#include <cryo/result.h>

/// The messages between API and workers (proto/dsock.proto): bytes in, values out. Bytes of others are hostile: what
/// does not parse, names no target, or has an unknown type, is an error.
namespace cryo::broker::wire {

/// Whom to tell that a message took effect; asked for only of workers that understand it.
struct ReplyAddress {
    std::string channel{};  ///< Empty: nobody.
    std::uint64_t request_id = 0;

    bool operator==(const ReplyAddress&) const = default;
};

struct Message {
    enum class Type : std::uint8_t { disconnect = 0, text = 1, binary = 2 };
    Type type{};
    std::string body{};
    Target target{};
    ReplyAddress reply{};

    bool operator==(const Message&) const = default;
};

struct ChannelAction {
    enum class Type : std::uint8_t { subscribe = 0, unsubscribe = 1 };
    Type type{};
    std::string channel{};
    Target target{};
    ReplyAddress reply{};

    bool operator==(const ChannelAction&) const = default;
};

struct Confirmation {
    std::uint64_t request_id = 0;
    std::uint64_t connections = 0;  ///< How many it reached.
    bool complete = true;           ///< False: it did not reach all that were meant.

    bool operator==(const Confirmation&) const = default;
};

/// dSock reads targets and channels as UTF-8: what is not must be refused before.
std::string encode(const Message& message);
std::string encode(const ChannelAction& action);
std::string encode(const Confirmation& confirmation);

Result<Message> decode_message(std::string_view bytes);
Result<ChannelAction> decode_channel_action(std::string_view bytes);
Result<Confirmation> decode_confirmation(std::string_view bytes);

}  // namespace cryo::broker::wire
