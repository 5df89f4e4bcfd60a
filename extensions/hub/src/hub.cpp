#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <cryo/hub/hub.h>
#include <cryo/server.h>

#include "changes.h"
#include "connection_id.h"
#include "hub_state.h"
#include "publish.h"
#include "queries.h"

namespace cryo::hub {
namespace {

class HubImpl final : public Hub {
public:
    explicit HubImpl(const HubOptions& options) : state_(std::make_shared<HubState>(options)) {}

    Result<> set_relay(std::shared_ptr<IRelay> relay) override {
        if (state_->started()) return Error{Errc::wrong_state, "a relay has to be set before the server starts"};
        state_->relay = std::move(relay);
        return {};
    }

    // -- IExtension --
    Result<> on_start(Server& server) override {
        if (state_->started()) return Error{Errc::wrong_state, "a hub serves one server, once"};
        const auto loops = server.loops();
        if (loops.size() > kMaxLoops) {
            return Error{Errc::invalid_option,
                         fmt::format("a hub serves up to {} loops, the server has {}", kMaxLoops, loops.size())};
        }
        state_->start(loops);
        return {};
    }
    void on_unregister(Server&) noexcept override { state_->stop(); }
    void on_session_closed(Session& session, const CloseEvent&) override { SubscriberImpl::drop_all_of(session); }

    // -- on the receiver's loop --
    Result<SubscriberPtr> attach(Connection& connection, Attachment attachment) override {
        return enroll(Outlet(connection), std::move(attachment), [](SubscriberImpl&) {});
    }
    Result<SubscriberPtr> attach(Session& session, Attachment attachment) override {
        return enroll(Outlet(session), std::move(attachment),
                      [&](SubscriberImpl& subscriber) { subscriber.keep_in(session); });
    }
    Result<SubscriberPtr> attach(const std::shared_ptr<IReceiver>& receiver, Attachment attachment) override {
        return enroll(Outlet(receiver), std::move(attachment), [](SubscriberImpl&) {});
    }
    Result<SubscriberPtr> reserve(Attachment attachment) override {
        return enroll(Outlet(), std::move(attachment), [](SubscriberImpl&) {});
    }

    // -- any thread --
    void publish(Audience audience, PreparedMessage message, OutcomeHandler done, Scope scope) override;
    void disconnect(Audience audience, std::uint16_t code, std::string_view reason, OutcomeHandler done,
                    Scope scope) override;
    void change(TopicChange change, OutcomeHandler done, Scope scope) override;
    void count(Audience audience, OutcomeHandler done, Scope scope) override;
    void list(Audience audience, ListHandler done, Scope scope) override;
    void list_topics(std::string prefix, TopicListHandler done, Scope scope) override;
    HubStats stats() const override;

    bool interested(const Interest& interest) const override { return state_->directory.contains(interest); }
    void for_each_interest(const std::function<void(const Interest&)>& visit) const override {
        state_->directory.for_each(visit);
    }

private:
    template <class Then>
    Result<SubscriberPtr> enroll(Outlet outlet, Attachment attachment, Then&& then);
    template <class Relayed>
    void spread(const std::shared_ptr<Operation>& operation, const LoopSet& loops, Scope scope, Relayed&& relayed);
    bool all_here(const Audience& audience) const;

    const std::shared_ptr<HubState> state_;
};

template <class Then>
Result<SubscriberPtr> HubImpl::enroll(Outlet outlet, Attachment attachment, Then&& then) {
    LoopPart* const part = state_->running() ? state_->current() : nullptr;
    if (!part) return Error{Errc::wrong_state, "the hub does not run on this thread: attach on a loop of its server"};
    if (outlet.bound() && !outlet.is_open()) return Error{Errc::wrong_state, "the receiver is closing"};
    if (auto fits = state_->check_ids({attachment.id, attachment.user, attachment.session}); !fits) {
        return std::move(fits).error();
    }
    if (attachment.id.empty()) {
        auto id = random_connection_id();
        if (!id) return std::move(id).error();
        attachment.id = std::move(id).value();
    }
    const auto topics = std::move(attachment.topics);
    const auto subscriber =
        std::make_shared<SubscriberImpl>(std::shared_ptr<LoopPart>(state_, part), std::move(attachment));
    subscriber->outlet() = std::move(outlet);
    if (auto admitted = part->admit(subscriber, topics); !admitted) return std::move(admitted).error();
    then(*subscriber);
    return subscriber->make_handle();
}

/// Hands it to each of these loops and to the relay, and runs it on the calling thread's own last: what comes of that,
/// on this thread, is to come later everywhere.
template <class Relayed>
void HubImpl::spread(const std::shared_ptr<Operation>& operation, const LoopSet& loops, Scope scope,
                     Relayed&& relayed) {
    Claim claim(operation);
    LoopPart* const here = state_->running() ? state_->current() : nullptr;
    for (const auto& part : state_->parts()) {
        if (part.get() != here && loops.test(part->index())) part->hand(operation);
    }
    if (scope == Scope::cluster && state_->relay) state_->fenced([&] { relayed(*state_->relay); });
    if (here && loops.test(here->index())) here->run(Claim(operation));
    claim.done();
}

/// Whether it is for connections of this node only: their ids are unique in the cluster.
bool HubImpl::all_here(const Audience& audience) const {
    return std::ranges::all_of(audience.to, [&](const Target& target) {
        return target.kind == Target::Kind::connection && state_->directory.find_connection(target.name);
    });
}

// -- operations ------------------------------------------------------------------------------------------------------

void HubImpl::publish(Audience audience, PreparedMessage message, OutcomeHandler done, Scope scope) {
    state_->publications.fetch_add(1, std::memory_order_relaxed);
    const LoopSet loops = state_->loops_of(audience);
    if (all_here(audience)) scope = Scope::node;
    const auto operation = std::make_shared<Publish>(state_, std::move(audience), std::move(message), std::move(done));
    spread(operation, loops, scope, [&](IRelay& relay) {
        relay.publish({operation, &operation->publication()}, relayed_outcome(operation));
    });
}

void HubImpl::disconnect(Audience audience, std::uint16_t code, std::string_view reason, OutcomeHandler done,
                         Scope scope) {
    const LoopSet loops = state_->loops_of(audience);
    if (all_here(audience)) scope = Scope::node;
    const auto operation = std::make_shared<Disconnect>(state_, std::move(audience), code, reason, std::move(done));
    spread(operation, loops, scope, [&](IRelay& relay) {
        relay.disconnect(operation->audience(), operation->code(), operation->reason(), relayed_outcome(operation));
    });
}

void HubImpl::change(TopicChange change, OutcomeHandler done, Scope scope) {
    const LoopSet loops = state_->loops_of(change.audience);
    if (all_here(change.audience)) scope = Scope::node;
    const auto operation = std::make_shared<Change>(state_, std::move(change), std::move(done));
    spread(operation, loops, scope,
           [&](IRelay& relay) { relay.change(operation->change(), relayed_outcome(operation)); });
}

void HubImpl::count(Audience audience, OutcomeHandler done, Scope scope) {
    const LoopSet loops = state_->loops_of(audience);
    if (all_here(audience)) scope = Scope::node;
    const auto operation = std::make_shared<Count>(state_, std::move(audience), std::move(done));
    spread(operation, loops, scope,
           [&](IRelay& relay) { relay.count(operation->audience(), relayed_outcome(operation)); });
}

void HubImpl::list(Audience audience, ListHandler done, Scope scope) {
    const LoopSet loops = state_->loops_of(audience);
    if (all_here(audience)) scope = Scope::node;
    const auto operation = std::make_shared<List>(state_, std::move(audience), std::move(done));
    spread(operation, loops, scope, [&](IRelay& relay) {
        relay.list(operation->audience(), [operation, claim = Claim(operation)](Listing others) mutable {
            operation->add(std::move(others));
            claim.done();
        });
    });
}

void HubImpl::list_topics(std::string prefix, TopicListHandler done, Scope scope) {
    const auto operation = std::make_shared<ListTopics>(state_, std::move(prefix), std::move(done));
    spread(operation, LoopSet().set(), scope, [&](IRelay& relay) {
        relay.list_topics(operation->prefix(),
                          [operation, claim = Claim(operation)](const TopicListing& others) mutable {
                              operation->add(others);
                              claim.done();
                          });
    });
}

HubStats HubImpl::stats() const {
    HubStats stats{.topics = state_->directory.topic_count(), .publications = state_->publications.load()};
    for (const auto& part : state_->parts()) {
        const auto& counters = part->counters();
        stats.subscribers += counters.subscribers.load();
        stats.subscriptions += counters.subscriptions.load();
        stats.deliveries += counters.deliveries.load();
        stats.drops += counters.drops->load();
    }
    return stats;
}

}  // namespace

Result<std::shared_ptr<Hub>> Hub::create(HubOptions options) {
    if (auto valid = options.validate(); !valid) return std::move(valid).error();
    return std::shared_ptr<Hub>(std::make_shared<HubImpl>(options));
}

}  // namespace cryo::hub
