#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <openssl/rand.h>

#include <cryo/cluster/hub_link.h>

#include "hub_copies.h"
#include "hub_interests.h"
#include "hub_reports.h"
#include "hub_wire.h"

namespace cryo::cluster {
namespace {

using hub::Audience;
using hub::Outcome;
using hub::OutcomeHandler;
using hub::Scope;
using hub::Target;

constexpr std::string_view kPort = "hub";
/// More targets than that: one copy for all nodes.
constexpr std::size_t kMaxCopies = 16;
/// Of the answer to a list: less than any backend carries.
constexpr std::size_t kMaxListingBytes = 900'000;

/// Where those listen that have to be told. A node that listens to several of these is told several times.
std::vector<std::string> bus_topics(const hub::Hub& hub, const Audience& audience) {
    std::vector<std::string> topics;
    for (const auto& target : audience.to) {
        // Connection ids are unique in the cluster: one that is here is nowhere else.
        const bool is_here = target.kind == Target::Kind::connection && audience.to.size() > 1 &&
                             hub.interested({hub::Interest::Kind::connection, target.name});
        auto topic = bus_topic(target);
        if (is_here || std::ranges::find(topics, topic) != topics.end()) continue;
        if (target.kind == Target::Kind::everybody || topics.size() == kMaxCopies) {
            return {std::string(kEverybodyTopic)};
        }
        topics.push_back(std::move(topic));
    }
    return topics;
}

bool is_accepted(SendStatus status) noexcept { return status == SendStatus::sent || status == SendStatus::queued; }

class HubLink final : public hub::IRelay, public std::enable_shared_from_this<HubLink> {
public:
    explicit HubLink(std::weak_ptr<hub::Hub> hub) : hub_(std::move(hub)) {}

    Result<> open(INodeBus& bus);

    void publish(const hub::PublicationPtr& publication, OutcomeHandler done) override;
    void disconnect(const Audience& audience, std::uint16_t code, std::string_view reason,
                    OutcomeHandler done) override;
    void change(const hub::TopicChange& change, OutcomeHandler done) override;
    void count(const Audience& audience, OutcomeHandler done) override;
    void list(const Audience& audience, hub::ListHandler done) override;
    void list_topics(std::string_view prefix, hub::TopicListHandler done) override;
    void interest_changed(const hub::Interest& interest) override { interests_->changed(interest); }
    void settle(std::vector<hub::Interest> interests, UniqueFunction<void()> done) override {
        interests_->settle(interests, std::move(done));
    }

private:
    void route(const Audience& audience, HubCommand command, OutcomeHandler done);
    void ask_outcome(const HubQuestion& question, OutcomeHandler done);

    void on_command(Bytes bytes);
    void on_question(Bytes bytes, Answer answer);
    void answer(const HubQuestion::Report& report, Answer answer);
    void answer(const HubQuestion::Count& count, Answer answer);
    void answer(const HubQuestion::List& list, Answer answer);
    void answer(const HubQuestion::ListTopics& list, Answer answer);

    CommandId next_id() noexcept { return {identity_, 1 + commands_.fetch_add(1, std::memory_order_relaxed)}; }
    /// 0 is taken by those that nobody asks about.
    static std::uint64_t token_of(CommandId id) noexcept { return std::max<std::uint64_t>(id.sender + id.number, 1); }

    const std::weak_ptr<hub::Hub> hub_;
    std::shared_ptr<IBusPort> port_{};
    std::shared_ptr<HubInterests> interests_{};
    HubCopies copies_{};
    HubReports reports_{};
    std::uint64_t identity_ = 0;  ///< As others know this link: random.
    std::atomic<std::uint64_t> commands_{0};
};

Result<> HubLink::open(INodeBus& bus) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&identity_), sizeof identity_) != 1) {
        return Error{Errc::system, "no random bytes to tell this hub's commands from those of others"};
    }
    PortHandlers handlers;
    const auto weak = weak_from_this();
    handlers.publication = [weak](const NodeId&, std::string_view, Bytes payload) {
        if (const auto self = weak.lock()) self->on_command(payload);
    };
    handlers.question = [weak](const NodeId&, Bytes question, Answer answer) {
        if (const auto self = weak.lock()) self->on_question(question, std::move(answer));
    };
    handlers.health = [weak](Health health) {
        const auto self = weak.lock();
        if (self) self->interests_->set_alone(health != Health::joining && health != Health::connected);
    };
    auto opened = bus.open(kPort, std::move(handlers));
    if (!opened) return opened.error();
    port_ = std::move(opened).value();
    interests_ = std::make_shared<HubInterests>(hub_, port_);
    port_->subscribe(kEverybodyTopic, [](const Result<>&) {});
    return {};
}

// -- to other nodes ---------------------------------------------------------------------------------------------------

void HubLink::publish(const hub::PublicationPtr& publication, OutcomeHandler done) {
    const auto& message = publication->message;
    route(publication->audience,
          {.token = 0, .audience = {}, .action = HubCommand::Publish{message.kind(), message.payload()}},
          std::move(done));
}

void HubLink::disconnect(const Audience& audience, std::uint16_t code, std::string_view reason, OutcomeHandler done) {
    route(audience, {.token = 0, .audience = {}, .action = HubCommand::Disconnect{code, std::string(reason)}},
          std::move(done));
}

void HubLink::change(const hub::TopicChange& change, OutcomeHandler done) {
    route(change.audience, {.token = 0, .audience = {}, .action = HubCommand::Change{change.topics, change.subscribe}},
          std::move(done));
}

/// Sends the command where there is interest: to each target's topic, every time for the whole audience, so that the
/// copy that reaches a node first is all that it needs, and receivers that change their topics before the next one
/// comes get nothing twice. Who wants to know what became of it asks all nodes afterwards: those that it goes to are
/// known to the backend alone.
void HubLink::route(const Audience& audience, HubCommand command, OutcomeHandler done) {
    const auto hub = hub_.lock();
    if (!hub) return;
    const auto topics = bus_topics(*hub, audience);
    if (topics.empty()) {
        if (done) done({0, true});
        return;
    }
    if (topics.size() > 1) command.id = next_id();
    if (done) command.token = token_of(command.id ? *command.id : next_id());
    command.audience = audience;
    HubQuestion::Report report{command.token, {}};
    bool all_sent = fits(command);
    if (all_sent) {
        const auto bytes = encode(command);
        for (const auto& topic : topics) {
            if (!is_accepted(port_->publish(topic, bytes))) {
                all_sent = false;
            } else if (done) {
                report.topics.push_back(topic);
            }
        }
    }
    if (!done) return;
    if (report.topics.empty()) return done({0, all_sent});
    ask_outcome({std::move(report)}, [all_sent, then = std::move(done)](Outcome outcome) mutable {
        then({outcome.receivers, outcome.complete && all_sent});
    });
}

void HubLink::ask_outcome(const HubQuestion& question, OutcomeHandler done) {
    port_->ask(encode(question), {}, [then = std::move(done)](const Answers& answers) mutable {
        Outcome sum{0, answers.complete()};
        for (const auto& one : answers.answers) {
            const auto outcome = decode_outcome(one.payload).value_or(Outcome{0, false});
            sum.receivers += outcome.receivers;
            sum.complete = sum.complete && outcome.complete;
        }
        then(sum);
    });
}

void HubLink::count(const Audience& audience, OutcomeHandler done) {
    if (!fits(audience)) return done({0, false});
    ask_outcome({HubQuestion::Count{audience}}, std::move(done));
}

void HubLink::list(const Audience& audience, hub::ListHandler done) {
    if (!fits(audience)) return done({.complete = false});
    port_->ask(
        encode(HubQuestion{HubQuestion::List{audience}}), {}, [then = std::move(done)](const Answers& answers) mutable {
            hub::Listing all{.subscribers = {}, .complete = answers.complete()};
            for (const auto& one : answers.answers) {
                auto listing = decode_listing(one.payload).value_or(hub::Listing{.complete = false});
                std::move(listing.subscribers.begin(), listing.subscribers.end(), std::back_inserter(all.subscribers));
                all.complete = all.complete && listing.complete;
                all.truncated = all.truncated || listing.truncated;
            }
            then(std::move(all));
        });
}

void HubLink::list_topics(std::string_view prefix, hub::TopicListHandler done) {
    port_->ask(encode(HubQuestion{HubQuestion::ListTopics{std::string(prefix)}}), {},
               [then = std::move(done)](const Answers& answers) mutable {
                   hub::TopicListing all{.topics = {}, .complete = answers.complete()};
                   for (const auto& one : answers.answers) {
                       auto listing = decode_topic_listing(one.payload).value_or(hub::TopicListing{.complete = false});
                       std::move(listing.topics.begin(), listing.topics.end(), std::back_inserter(all.topics));
                       all.complete = all.complete && listing.complete;
                       all.truncated = all.truncated || listing.truncated;
                   }
                   then(std::move(all));
               });
}

// -- from other nodes, on the bus's loop ------------------------------------------------------------------------------

void HubLink::on_command(Bytes bytes) {
    const auto hub = hub_.lock();
    auto command = decode_command(bytes);
    if (!hub || !command) return;
    if (command->id && !copies_.is_first(*command->id)) return;
    OutcomeHandler done;
    if (command->token != 0) {
        reports_.begin(command->token);
        done = [self = shared_from_this(), token = command->token](Outcome outcome) {
            self->reports_.tell(token, outcome);
        };
    }
    auto& audience = command->audience;
    if (auto* publish = std::get_if<HubCommand::Publish>(&command->action)) {
        auto message = publish->kind == MessageKind::text ? PreparedMessage::text(as_text(publish->payload))
                                                          : PreparedMessage::binary(publish->payload);
        hub->publish(std::move(audience), std::move(message), std::move(done), Scope::node);
    } else if (auto* disconnect = std::get_if<HubCommand::Disconnect>(&command->action)) {
        hub->disconnect(std::move(audience), disconnect->code, disconnect->reason, std::move(done), Scope::node);
    } else {
        auto& change = std::get<HubCommand::Change>(command->action);
        hub->change({std::move(audience), std::move(change.topics), change.subscribe}, std::move(done), Scope::node);
    }
}

/// An answer that is destroyed says that there is none: so it is with what cannot be read.
void HubLink::on_question(Bytes bytes, Answer right) {
    const auto question = decode_question(bytes);
    if (!question) return;
    std::visit([&](const auto& what) { answer(what, std::move(right)); }, question->what);
}

void HubLink::answer(const HubQuestion::Report& report, Answer right) {
    const bool may_come =
        std::ranges::any_of(report.topics, [this](const std::string& topic) { return interests_->listens_to(topic); });
    reports_.ask(report.token, may_come,
                 [kept = std::move(right)](Outcome outcome) mutable { kept.give(encode(outcome)); });
}

void HubLink::answer(const HubQuestion::Count& count, Answer right) {
    if (const auto hub = hub_.lock()) {
        hub->count(
            count.audience, [kept = std::move(right)](Outcome outcome) mutable { kept.give(encode(outcome)); },
            Scope::node);
    }
}

void HubLink::answer(const HubQuestion::List& list, Answer right) {
    if (const auto hub = hub_.lock()) {
        hub->list(
            list.audience,
            [kept = std::move(right)](const hub::Listing& listing) mutable {
                kept.give(encode(listing, kMaxListingBytes));
            },
            Scope::node);
    }
}

void HubLink::answer(const HubQuestion::ListTopics& list, Answer right) {
    if (const auto hub = hub_.lock()) {
        hub->list_topics(
            list.prefix,
            [kept = std::move(right)](const hub::TopicListing& listing) mutable {
                kept.give(encode(listing, kMaxListingBytes));
            },
            Scope::node);
    }
}

}  // namespace

Result<> link_hub(const std::shared_ptr<hub::Hub>& hub, INodeBus& bus) {
    const auto link = std::make_shared<HubLink>(hub);
    if (auto opened = link->open(bus); !opened) return opened;
    return hub->set_relay(link);
}

}  // namespace cryo::cluster
