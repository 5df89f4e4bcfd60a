#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/export.h>
#include <cryo/hub/audience.h>
#include <cryo/hub/receiver.h>
#include <cryo/hub/subscriber.h>
#include <cryo/unique_function.h>

namespace cryo::hub {

/// How far an operation reaches.
enum class Scope {
    cluster,  ///< This process, and through the relay all others.
    node,     ///< This process only. What a relay brings in from other nodes is done with this.
};

/// What became of an operation.
struct Outcome {
    std::size_t receivers = 0;  ///< That it reached: handed a publication, disconnected, changed, counted.
    /// False: there may be more. A loop or node did not answer, or did not take part.
    bool complete = true;

    bool operator==(const Outcome&) const = default;
};
using OutcomeHandler = UniqueFunction<void(Outcome)>;

struct Listing {
    std::vector<SubscriberInfo> subscribers{};  ///< In no order.
    bool complete = true;                       ///< As in `Outcome`.
    bool truncated = false;                     ///< There are more than `HubOptions::max_listed`.
};
using ListHandler = UniqueFunction<void(Listing)>;

struct TopicCount {
    std::string topic{};
    std::size_t receivers = 0;

    bool operator==(const TopicCount&) const = default;
};
struct TopicListing {
    std::vector<TopicCount> topics{};  ///< In no order.
    bool complete = true;
    bool truncated = false;
};
using TopicListHandler = UniqueFunction<void(TopicListing)>;

/// Topics to add to, or to take from, each subscriber of an audience.
struct TopicChange {
    Audience audience{};
    std::vector<std::string> topics{};
    bool subscribe = true;  ///< false: unsubscribe
};

/// Something publications are sent to, and that this node has subscribers for.
struct Interest {
    enum class Kind : std::uint8_t { topic, user, connection };

    Kind kind = Kind::topic;
    std::string name{};

    bool operator==(const Interest&) const = default;
};

/// Joins a hub with those of other nodes: it carries what was asked for here to them. Implemented by `cluster`.
///
/// What comes from other nodes it brings in through the methods of `Hub`, with `Scope::node`, which do not come back
/// here. It may call the hub from within any of its methods; no lock is held.
///
/// Thread safety: called from any thread. The calls for one thread's operations come on that thread, in their order; to
/// keep "per publisher and topic in order", publications have to arrive in that order. What it throws is told to
/// `Server::on_error`.
/// Handlers: may be empty, when nobody wants to know; otherwise to be called exactly once, from any thread, with what
/// the *other* nodes have answered; destroyed uncalled, the operation is taken as incomplete.
class CRYO_API IRelay {
public:
    virtual ~IRelay() = default;

    /// Not called when all it is for are connections of this node.
    virtual void publish(const PublicationPtr& publication, OutcomeHandler done) = 0;
    virtual void disconnect(const Audience& audience, std::uint16_t code, std::string_view reason,
                            OutcomeHandler done) = 0;
    /// Done when the change is in effect: the other nodes have made it and their interests are settled.
    virtual void change(const TopicChange& change, OutcomeHandler done) = 0;

    virtual void count(const Audience& audience, OutcomeHandler done) = 0;
    virtual void list(const Audience& audience, ListHandler done) = 0;
    virtual void list_topics(std::string_view prefix, TopicListHandler done) = 0;

    /// The first subscriber of this has come to this node, or the last one has gone: `Hub::interested` says which. Told
    /// on the thread it happened on, so that for changes that follow each other closely the calls may overlap or come
    /// in another order; the one that asks last always gets the state that counts. (Ask under the lock under which the
    /// answer is acted upon.)
    virtual void interest_changed(const Interest& interest) = 0;
    /// Calls back when these interests, as told so far, are in effect: what any node publishes to them from then on
    /// comes here. At once for those that are already.
    virtual void settle(std::vector<Interest> interests, UniqueFunction<void()> done) = 0;
};

}  // namespace cryo::hub
