#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/hub/audience.h>
#include <cryo/hub/relay.h>

namespace cryo::cluster {

// What hubs say to each other. First a byte for the kind: never renumber; its highest bit says that a `CommandId`
// follows the token. Texts have their length first, in two bytes; integers are little-endian.

struct PublishAction {
    MessageKind kind{};
    Bytes payload{};  ///< Of the bytes it was decoded from.
};
struct DisconnectAction {
    std::uint16_t code = 1000;
    std::string reason{};
};
struct ChangeAction {
    std::vector<std::string> topics{};
    bool subscribe = true;
};

/// Tells commands apart: a link to a hub, for as long as that lives, and the number that the link gave it.
struct CommandId {
    std::uint64_t sender = 0;
    std::uint64_t number = 0;

    bool operator==(const CommandId&) const = default;
};

/// Something to be done for an audience, sent to those interested.
struct HubCommand {
    using Publish = PublishAction;
    using Disconnect = DisconnectAction;
    using Change = ChangeAction;

    std::uint64_t token = 0;  ///< By which its outcome is asked for; 0: nobody will.
    hub::Audience audience{};
    std::variant<Publish, Disconnect, Change> action{};
    std::optional<CommandId> id{};  ///< Given when it is sent to several bus topics, so that it may come several times.
};

/// What became of a command that was sent to these bus topics.
struct ReportQuestion {
    std::uint64_t token = 0;
    std::vector<std::string> topics{};
};
struct CountQuestion {
    hub::Audience audience{};
};
struct ListQuestion {
    hub::Audience audience{};
};
struct ListTopicsQuestion {
    std::string prefix{};
};

/// Asks all nodes.
struct HubQuestion {
    using Report = ReportQuestion;
    using Count = CountQuestion;
    using List = ListQuestion;
    using ListTopics = ListTopicsQuestion;

    std::variant<Report, Count, List, ListTopics> what{};
};

/// Whether these can be said whole: up to 65,535 targets and topics each, with names of up to 65,535 bytes. What is
/// more would be cut, and mean something else.
bool fits(const hub::Audience& audience) noexcept;
bool fits(const HubCommand& command) noexcept;

std::vector<std::byte> encode(const HubCommand& command);
std::vector<std::byte> encode(const HubQuestion& question);
std::vector<std::byte> encode(const hub::Outcome& outcome);
/// What does not fit into `most` bytes is left out: `truncated` says so.
std::vector<std::byte> encode(const hub::Listing& listing, std::size_t most);
std::vector<std::byte> encode(const hub::TopicListing& listing, std::size_t most);

// Nothing when these bytes are none.
std::optional<HubCommand> decode_command(Bytes bytes);
std::optional<HubQuestion> decode_question(Bytes bytes);
std::optional<hub::Outcome> decode_outcome(Bytes bytes);
std::optional<hub::Listing> decode_listing(Bytes bytes);
std::optional<hub::TopicListing> decode_topic_listing(Bytes bytes);

}  // namespace cryo::cluster
