#include "wire.h"

#include <limits>
#include <utility>

#include "dsock.pb.h"

namespace cryo::broker::wire {
namespace {

template <class Proto>
std::string serialize(const Proto& message) {
    std::string bytes;
    message.SerializeToString(&bytes);
    return bytes;
}

template <class Proto>
bool parse(Proto& message, std::string_view bytes) {
    return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
           message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void put(proto::Target& to, const Target& from) {
    to.set_connection(from.id);
    to.set_user(from.user);
    to.set_session(from.session);
    to.set_channel(from.channel);
}

Target take(proto::Target& from) {
    return {std::move(*from.mutable_connection()), std::move(*from.mutable_user()), std::move(*from.mutable_session()),
            std::move(*from.mutable_channel())};
}

template <class Proto>
void put_reply(Proto& to, const ReplyAddress& from) {
    to.set_reply_to(from.channel);
    to.set_request_id(from.request_id);
}

template <class Proto>
ReplyAddress take_reply(Proto& from) {
    return {std::move(*from.mutable_reply_to()), from.request_id()};
}

Error malformed(std::string_view what, std::string_view problem) {
    return {Errc::invalid_argument, std::string(what) + ' ' + std::string(problem)};
}

}  // namespace

std::string encode(const Message& message) {
    proto::Message encoded;
    encoded.set_type(static_cast<proto::Message::Type>(message.type));
    encoded.set_body(message.body);
    put(*encoded.mutable_target(), message.target);
    put_reply(encoded, message.reply);
    return serialize(encoded);
}

std::string encode(const ChannelAction& action) {
    proto::ChannelAction encoded;
    encoded.set_type(static_cast<proto::ChannelAction::Type>(action.type));
    encoded.set_channel(action.channel);
    put(*encoded.mutable_target(), action.target);
    put_reply(encoded, action.reply);
    return serialize(encoded);
}

std::string encode(const Confirmation& confirmation) {
    proto::Confirmation encoded;
    encoded.set_request_id(confirmation.request_id);
    encoded.set_connections(confirmation.connections);
    encoded.set_incomplete(!confirmation.complete);
    return serialize(encoded);
}

Result<Message> decode_message(std::string_view bytes) {
    proto::Message decoded;
    if (!parse(decoded, bytes)) return malformed("a message", "is not valid protobuf");
    if (!decoded.has_target()) return malformed("a message", "has no target");
    if (!proto::Message::Type_IsValid(decoded.type())) {
        return malformed("a message", "has the unknown type " + std::to_string(decoded.type()));
    }
    return Message{static_cast<Message::Type>(decoded.type()), std::move(*decoded.mutable_body()),
                   take(*decoded.mutable_target()), take_reply(decoded)};
}

Result<ChannelAction> decode_channel_action(std::string_view bytes) {
    proto::ChannelAction decoded;
    if (!parse(decoded, bytes)) return malformed("a channel action", "is not valid protobuf");
    if (!decoded.has_target()) return malformed("a channel action", "has no target");
    if (!proto::ChannelAction::Type_IsValid(decoded.type())) {
        return malformed("a channel action", "has the unknown type " + std::to_string(decoded.type()));
    }
    if (decoded.channel().empty()) return malformed("a channel action", "names no channel");
    return ChannelAction{static_cast<ChannelAction::Type>(decoded.type()), std::move(*decoded.mutable_channel()),
                         take(*decoded.mutable_target()), take_reply(decoded)};
}

Result<Confirmation> decode_confirmation(std::string_view bytes) {
    proto::Confirmation decoded;
    if (!parse(decoded, bytes)) return malformed("a confirmation", "is not valid protobuf");
    return Confirmation{decoded.request_id(), decoded.connections(), !decoded.incomplete()};
}

}  // namespace cryo::broker::wire
