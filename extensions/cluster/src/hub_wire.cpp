#include "hub_wire.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "wire.h"

namespace cryo::cluster {
namespace {

using hub::Audience;
using hub::Target;
using Out = std::vector<std::byte>;
using WallTime = std::chrono::system_clock::time_point;

enum class Kind : std::uint8_t { publish = 1, disconnect, change, report, count, list, list_topics };

constexpr std::uint8_t kHasId = 0x80;  // with the kind of a command
constexpr std::uint8_t kComplete = 1, kTruncated = 2;
constexpr std::size_t kMaxCount = std::numeric_limits<std::uint16_t>::max();
/// Of one listing: what comes from elsewhere takes more memory than its bytes.
constexpr std::size_t kMaxEntries = 1'000'000;

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;  // clang 14 asks for it

void append_kind(Out& out, Kind kind) { append(out, static_cast<std::uint8_t>(kind)); }

/// Their number in two bytes; more than that are left out.
template <class Items, class Append>
void append_items(Out& out, const Items& items, Append append_item) {
    const auto count = std::min(items.size(), kMaxCount);
    append(out, static_cast<std::uint16_t>(count));
    for (std::size_t i = 0; i < count; ++i) append_item(items[i]);
}

template <class Read>
auto read_items(Reader& reader, Read read_item) {
    std::vector<decltype(read_item())> items;
    const std::size_t count = reader.integer<std::uint16_t>();
    for (std::size_t i = 0; i < count && !reader.failed(); ++i) items.push_back(read_item());
    return items;
}

void append_texts(Out& out, const std::vector<std::string>& texts) {
    append_items(out, texts, [&](const std::string& text) { append_text(out, text); });
}
std::vector<std::string> read_texts(Reader& reader) {
    return read_items(reader, [&] { return std::string(reader.text()); });
}

void append_targets(Out& out, const std::vector<Target>& targets) {
    append_items(out, targets, [&](const Target& target) {
        append(out, static_cast<std::uint8_t>(target.kind));
        append_text(out, target.name);
        append_text(out, target.only_session);
    });
}
std::vector<Target> read_targets(Reader& reader) {
    return read_items(reader, [&] {
        Target target;
        const auto kind = reader.integer<std::uint8_t>();
        if (kind > static_cast<std::uint8_t>(Target::Kind::connection)) reader.fail();
        target.kind = static_cast<Target::Kind>(kind);
        target.name = reader.text();
        target.only_session = reader.text();
        return target;
    });
}

void append_audience(Out& out, const Audience& audience) {
    append_targets(out, audience.to);
    append_targets(out, audience.except);
}
Audience read_audience(Reader& reader) {
    auto to = read_targets(reader);
    return {std::move(to), read_targets(reader)};
}

bool read_bool(Reader& reader) {
    const auto value = reader.integer<std::uint8_t>();
    if (value > 1) reader.fail();
    return value == 1;
}

/// Milliseconds since 1970; those out of reach of the clock fail.
void append_time(Out& out, WallTime time) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    append(out, static_cast<std::uint64_t>(since));
}
WallTime read_time(Reader& reader) {
    constexpr auto most = std::chrono::duration_cast<std::chrono::milliseconds>(WallTime::duration::max()).count();
    const auto since = reader.integer<std::uint64_t>();
    if (since > static_cast<std::uint64_t>(most)) {
        reader.fail();
        return {};
    }
    return WallTime(std::chrono::milliseconds(since));
}

void append_subscriber(Out& out, const hub::SubscriberInfo& info) {
    for (const auto* text : {&info.id, &info.user, &info.session, &info.remote_address}) append_text(out, *text);
    append_texts(out, info.topics);
    append_time(out, info.since);
    append(out, static_cast<std::uint8_t>(info.last_heard ? 1 : 0));
    if (info.last_heard) append_time(out, *info.last_heard);
}
hub::SubscriberInfo read_subscriber(Reader& reader) {
    hub::SubscriberInfo info;
    for (auto* text : {&info.id, &info.user, &info.session, &info.remote_address}) *text = reader.text();
    info.topics = read_texts(reader);
    info.since = read_time(reader);
    if (read_bool(reader)) info.last_heard = read_time(reader);
    return info;
}

/// Flags, then entries until the end.
template <class Entries, class Append>
Out encode_listing(bool complete, bool truncated, const Entries& entries, std::size_t most, Append append_entry) {
    Out out(1);
    for (const auto& entry : entries) {
        const auto before = out.size();
        append_entry(out, entry);
        if (out.size() <= most) continue;
        out.resize(before);
        truncated = true;
        break;
    }
    out[0] = static_cast<std::byte>((complete ? kComplete : 0) | (truncated ? kTruncated : 0));
    return out;
}
template <class Listing, class Entry, class Read>
std::optional<Listing> decode_entries(Bytes bytes, std::vector<Entry> Listing::*entries, Read read_entry) {
    Reader reader(bytes);
    Listing listing;
    const auto flags = reader.integer<std::uint8_t>();
    if (reader.failed() || flags > (kComplete | kTruncated)) return std::nullopt;
    listing.complete = (flags & kComplete) != 0;
    listing.truncated = (flags & kTruncated) != 0;
    while (!reader.at_end() && !reader.failed()) {
        if ((listing.*entries).size() >= kMaxEntries) return std::nullopt;
        (listing.*entries).push_back(read_entry(reader));
    }
    if (reader.failed()) return std::nullopt;
    return listing;
}

}  // namespace

bool fits(const Audience& audience) noexcept {
    const auto all_fit = [](const std::vector<Target>& targets) {
        return targets.size() <= kMaxCount && std::ranges::all_of(targets, [](const Target& target) {
                   return target.name.size() <= kMaxTextBytes && target.only_session.size() <= kMaxTextBytes;
               });
    };
    return all_fit(audience.to) && all_fit(audience.except);
}

bool fits(const HubCommand& command) noexcept {
    if (!fits(command.audience)) return false;
    const auto* const change = std::get_if<HubCommand::Change>(&command.action);
    return !change || (change->topics.size() <= kMaxCount && std::ranges::all_of(change->topics, [](const auto& topic) {
                           return topic.size() <= kMaxTextBytes;
                       }));
}

std::vector<std::byte> encode(const HubCommand& command) {
    Out out;
    const auto start = [&](Kind kind, std::size_t more) {
        out.reserve(64 + more);
        append(out, static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) | (command.id ? kHasId : 0)));
        append(out, command.token);
        if (command.id) {
            append(out, command.id->sender);
            append(out, command.id->number);
        }
        append_audience(out, command.audience);
    };
    std::visit(Overloaded{[&](const HubCommand::Publish& publish) {
                              start(Kind::publish, publish.payload.size());
                              append(out, static_cast<std::uint8_t>(publish.kind));
                              append(out, publish.payload);
                          },
                          [&](const HubCommand::Disconnect& disconnect) {
                              start(Kind::disconnect, disconnect.reason.size());
                              append(out, disconnect.code);
                              append_text(out, disconnect.reason);
                          },
                          [&](const HubCommand::Change& change) {
                              start(Kind::change, 0);
                              append(out, static_cast<std::uint8_t>(change.subscribe ? 1 : 0));
                              append_texts(out, change.topics);
                          }},
               command.action);
    return out;
}

std::optional<HubCommand> decode_command(Bytes bytes) {
    Reader reader(bytes);
    HubCommand command;
    const auto first = reader.integer<std::uint8_t>();
    command.token = reader.integer<std::uint64_t>();
    if ((first & kHasId) != 0) {
        const auto sender = reader.integer<std::uint64_t>();
        command.id = CommandId{sender, reader.integer<std::uint64_t>()};
    }
    command.audience = read_audience(reader);
    switch (static_cast<Kind>(first & ~kHasId)) {
        case Kind::publish: {
            const bool binary = read_bool(reader);
            command.action = HubCommand::Publish{binary ? MessageKind::binary : MessageKind::text, reader.rest()};
            break;
        }
        case Kind::disconnect: {
            const auto code = reader.integer<std::uint16_t>();
            command.action = HubCommand::Disconnect{code, std::string(reader.text())};
            break;
        }
        case Kind::change: {
            const bool subscribe = read_bool(reader);
            command.action = HubCommand::Change{read_texts(reader), subscribe};
            break;
        }
        default:
            return std::nullopt;
    }
    if (reader.failed() || !reader.at_end()) return std::nullopt;
    return command;
}

std::vector<std::byte> encode(const HubQuestion& question) {
    Out out;
    std::visit(Overloaded{[&](const HubQuestion::Report& report) {
                              append_kind(out, Kind::report);
                              append(out, report.token);
                              append_texts(out, report.topics);
                          },
                          [&](const HubQuestion::Count& count) {
                              append_kind(out, Kind::count);
                              append_audience(out, count.audience);
                          },
                          [&](const HubQuestion::List& list) {
                              append_kind(out, Kind::list);
                              append_audience(out, list.audience);
                          },
                          [&](const HubQuestion::ListTopics& list) {
                              append_kind(out, Kind::list_topics);
                              append_text(out, list.prefix);
                          }},
               question.what);
    return out;
}

std::optional<HubQuestion> decode_question(Bytes bytes) {
    Reader reader(bytes);
    HubQuestion question;
    switch (static_cast<Kind>(reader.integer<std::uint8_t>())) {
        case Kind::report: {
            const auto token = reader.integer<std::uint64_t>();
            question.what = HubQuestion::Report{token, read_texts(reader)};
            break;
        }
        case Kind::count:
            question.what = HubQuestion::Count{read_audience(reader)};
            break;
        case Kind::list:
            question.what = HubQuestion::List{read_audience(reader)};
            break;
        case Kind::list_topics:
            question.what = HubQuestion::ListTopics{std::string(reader.text())};
            break;
        default:
            return std::nullopt;
    }
    if (reader.failed() || !reader.at_end()) return std::nullopt;
    return question;
}

std::vector<std::byte> encode(const hub::Outcome& outcome) {
    Out out;
    append(out, static_cast<std::uint64_t>(outcome.receivers));
    append(out, static_cast<std::uint8_t>(outcome.complete ? 1 : 0));
    return out;
}

std::optional<hub::Outcome> decode_outcome(Bytes bytes) {
    Reader reader(bytes);
    hub::Outcome outcome;
    outcome.receivers = reader.integer<std::uint64_t>();
    outcome.complete = read_bool(reader);
    if (reader.failed() || !reader.at_end()) return std::nullopt;
    return outcome;
}

std::vector<std::byte> encode(const hub::Listing& listing, std::size_t most) {
    return encode_listing(listing.complete, listing.truncated, listing.subscribers, most, append_subscriber);
}

std::optional<hub::Listing> decode_listing(Bytes bytes) {
    return decode_entries(bytes, &hub::Listing::subscribers, read_subscriber);
}

std::vector<std::byte> encode(const hub::TopicListing& listing, std::size_t most) {
    return encode_listing(listing.complete, listing.truncated, listing.topics, most,
                          [](Out& out, const hub::TopicCount& topic) {
                              append_text(out, topic.topic);
                              append(out, static_cast<std::uint64_t>(topic.receivers));
                          });
}

std::optional<hub::TopicListing> decode_topic_listing(Bytes bytes) {
    return decode_entries(bytes, &hub::TopicListing::topics, [](Reader& reader) {
        std::string topic(reader.text());
        return hub::TopicCount{std::move(topic), reader.integer<std::uint64_t>()};
    });
}

}  // namespace cryo::cluster
