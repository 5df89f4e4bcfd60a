#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/extension.h>
#include <cryo/hub/audience.h>
#include <cryo/hub/options.h>
#include <cryo/hub/receiver.h>
#include <cryo/hub/relay.h>
#include <cryo/hub/subscriber.h>
#include <cryo/result.h>
#include <cryo/session.h>

namespace cryo::hub {

/// Counters of a hub in this process. A snapshot.
struct HubStats {
    std::size_t subscribers = 0;     ///< Attached or reserved now.
    std::size_t topics = 0;          ///< That have a subscriber now.
    std::size_t subscriptions = 0;   ///< Of subscribers to topics, now.
    std::uint64_t publications = 0;  ///< Calls of `publish`, those of the relay included.
    std::uint64_t deliveries = 0;    ///< Publications handed to receivers.
    /// Messages that receivers dropped since they were attached: by backpressure, closing, or because their form could
    /// not encode them; and publications, once each, that a loop had no room for.
    std::uint64_t drops = 0;
};

/// Fans out messages inside one process, and through a relay to others: topics, users, sessions, connections.
///
/// Receivers are attached on their own loop and may subscribe to topics; anybody, on any thread, publishes to a topic,
/// a user, a user's session, one connection or everybody. Register one with a server; it is for that server only.
///
/// Promised:
/// - Per publisher (a thread) and topic, every receiver sees publications in their order; indeed for all that a thread
///   publishes in this process, whatever it is for.
/// - A receiver that unsubscribed, or was detached, gets nothing that is published after that call returned on its
/// loop.
/// - At most once: a receiver that is meant twice gets it once.
/// - A slow receiver follows its own backpressure policy, and holds up nobody.
/// - Publishing holds no lock while it sends; a publication reaches each other loop that has receivers for it once, and
///   the others not at all.
/// Not promised: an order between `publish` and what another thread sends to a connection by itself.
///
/// Thread safety: any thread, callbacks included, unless marked otherwise. Operations for other loops are done there
/// soon, in the order of the calls on each thread; for the calling thread's own loop at once, or, when called from
/// within a delivery on that loop, right after it.
/// Handlers: each is called exactly once, on any thread, possibly from within the call. What they throw is told to
/// `Server::on_error`.
/// Lifetime: shared with the server from registration on. Before the server starts, and after the hub was unregistered,
/// there is nobody to reach.
class CRYO_API Hub : public IExtension {
public:
    /// Errors: `invalid_option`.
    static Result<std::shared_ptr<Hub>> create(HubOptions options = {});

    std::string_view name() const noexcept override { return "hub"; }

    /// Joins it with other nodes. Before the server starts: else `wrong_state`.
    virtual Result<> set_relay(std::shared_ptr<IRelay> relay) = 0;

    // -- on the receiver's loop --------------------------------------------------------------------------------------

    /// Makes a receiver a subscriber; it gets what is published from now on. See `Subscriber` on how long that lasts.
    /// Errors: `duplicate` for a connection id that is taken in this process, `invalid_argument` for what exceeds a
    /// limit, `wrong_state` when the hub does not run on this loop or the receiver is closing.
    virtual Result<SubscriberPtr> attach(Connection& connection, Attachment attachment = {}) = 0;
    virtual Result<SubscriberPtr> attach(Session& session, Attachment attachment = {}) = 0;
    virtual Result<SubscriberPtr> attach(const std::shared_ptr<IReceiver>& receiver, Attachment attachment = {}) = 0;

    /// The same before there is a receiver: takes the connection id and makes interests known, so that a connection can
    /// be let in when all of it is in effect. What is published to it before `Subscriber::bind` is dropped.
    /// @code
    ///   handlers.admit = [hub](const cryo::HttpRequest&, cryo::UpgradeReply reply) {
    ///       auto subscriber = hub->reserve({.user = "ada"});
    ///       if (!subscriber) return reply.refuse(503, subscriber.error().message);
    ///       (*subscriber)->settle([subscriber = *subscriber, reply = std::move(reply)]() mutable {
    ///           reply.accept(std::move(subscriber));
    ///       });
    ///   };
    ///   handlers.open = [](cryo::Connection& connection) {
    ///       const auto& subscriber = std::any_cast<const SubscriberPtr&>(connection.user_data());
    ///       if (!subscriber->bind(connection)) connection.close(1011);
    ///   };
    /// @endcode
    virtual Result<SubscriberPtr> reserve(Attachment attachment) = 0;

    // -- any thread --------------------------------------------------------------------------------------------------

    /// @param done told how many receivers it was handed to
    virtual void publish(Audience audience, PreparedMessage message, OutcomeHandler done = {},
                         Scope scope = Scope::cluster) = 0;

    /// Closes the receivers, each as its protocol does; they are detached when they have closed.
    /// @param done told how many
    virtual void disconnect(Audience audience, std::uint16_t code = 1000, std::string_view reason = {},
                            OutcomeHandler done = {}, Scope scope = Scope::cluster) = 0;

    /// Subscribes, or unsubscribes, everyone in the audience; the audience is looked at before the change.
    /// @param done told how many were in the audience, once the change is in effect in the whole scope. Names and
    ///     subscribers beyond the limits are passed over: `complete` is false then
    virtual void change(TopicChange change, OutcomeHandler done = {}, Scope scope = Scope::cluster) = 0;

    virtual void count(Audience audience, OutcomeHandler done, Scope scope = Scope::cluster) = 0;
    virtual void list(Audience audience, ListHandler done, Scope scope = Scope::cluster) = 0;
    /// The topics that have subscribers and begin with `prefix`, and how many.
    virtual void list_topics(std::string prefix, TopicListHandler done, Scope scope = Scope::cluster) = 0;

    virtual HubStats stats() const = 0;

    // -- for the relay, any thread -----------------------------------------------------------------------------------

    /// Whether this node has a subscriber for that.
    virtual bool interested(const Interest& interest) const = 0;
    /// All that this node is interested in: at least what it was throughout the call. `visit` may not call the hub.
    virtual void for_each_interest(const std::function<void(const Interest&)>& visit) const = 0;
};

}  // namespace cryo::hub
