#include "subscriber.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "hub_state.h"

namespace cryo::hub {

SubscriberImpl::SubscriberImpl(std::shared_ptr<LoopPart> part, Attachment attachment)
    : part_(std::move(part)),
      id_(std::move(attachment.id)),
      user_(std::move(attachment.user)),
      session_(std::move(attachment.session)),
      form_(std::move(attachment.form)),
      since_(std::chrono::system_clock::now()) {}

SubscriberPtr SubscriberImpl::make_handle() {
    return {this, [self = shared_from_this()](Subscriber*) { self->detach(); }};
}

void SubscriberImpl::detach() {
    if (!attached()) return;
    if (part_->loop()->in_loop_thread()) return part_->drop(*this);
    // When the loop has ended, the hub does it at its own end.
    part_->loop()->post([self = shared_from_this()] { self->part_->drop(*self); });
}

Result<> SubscriberImpl::usable() const {
    if (!attached()) return Error{Errc::wrong_state, fmt::format("the subscriber {} is detached", id_)};
    if (!part_->loop()->in_loop_thread()) {
        return Error{Errc::wrong_state,
                     fmt::format("the subscriber {} was used on a thread that is not its loop's", id_)};
    }
    return {};
}

// -- receiver --------------------------------------------------------------------------------------------------------

template <class Receiver>
Result<> SubscriberImpl::bind_to(Receiver&& receiver) {
    if (auto usable_now = usable(); !usable_now) return usable_now;
    if (outlet_.bound()) return Error{Errc::wrong_state, fmt::format("the subscriber {} has a receiver already", id_)};
    Outlet outlet(receiver);
    if (!outlet.is_open()) return Error{Errc::wrong_state, "the receiver is closing"};
    part_->bind(*this, std::move(outlet));
    return {};
}

Result<> SubscriberImpl::bind(Connection& connection) { return bind_to(connection); }

Result<> SubscriberImpl::bind(Session& session) {
    auto bound = bind_to(session);
    if (bound) keep_in(session);
    return bound;
}

Result<> SubscriberImpl::bind(const std::shared_ptr<IReceiver>& receiver) { return bind_to(receiver); }

void SubscriberImpl::keep_in(Session& session) {
    using Kept = std::vector<std::weak_ptr<SubscriberImpl>>;
    Kept* kept = session.get<Kept>(kSessionSlot);
    if (!kept) kept = &session.set(kSessionSlot, Kept());
    std::erase_if(*kept, [](const auto& other) { return other.expired(); });
    kept->push_back(weak_from_this());
}

void SubscriberImpl::drop_all_of(Session& session) {
    using Kept = std::vector<std::weak_ptr<SubscriberImpl>>;
    Kept* const kept = session.get<Kept>(kSessionSlot);
    if (!kept) return;
    for (const auto& subscriber : std::exchange(*kept, {})) {
        if (const auto alive = subscriber.lock()) alive->detach();
    }
}

// -- topics and user -------------------------------------------------------------------------------------------------

Result<bool> SubscriberImpl::subscribe(std::string_view topic) {
    if (auto usable_now = usable(); !usable_now) return std::move(usable_now).error();
    return part_->subscribe(*this, topic);
}

bool SubscriberImpl::unsubscribe(std::string_view topic) { return usable() && part_->unsubscribe(*this, topic); }

bool SubscriberImpl::subscribed(std::string_view topic) const {
    return std::ranges::any_of(subscriptions_, [&](const auto& entry) { return entry.topic->name() == topic; });
}

std::vector<std::string> SubscriberImpl::topics() const {
    std::vector<std::string> names;
    names.reserve(subscriptions_.size());
    for (const auto& [topic, place] : subscriptions_) names.emplace_back(topic->name());
    return names;
}

Result<> SubscriberImpl::identify(std::string_view user, std::string_view session) {
    if (auto usable_now = usable(); !usable_now) return usable_now;
    return part_->identify(*this, user, session);
}

void SubscriberImpl::settle(UniqueFunction<void()> done) {
    HubState& state = part_->state();
    if (!attached() || !state.relay) return state.fenced(done);
    std::vector<Interest> interests{{Interest::Kind::connection, id_}};
    if (!user_.empty()) interests.push_back({Interest::Kind::user, user_});
    for (const auto& [topic, place] : subscriptions_) {
        interests.push_back({Interest::Kind::topic, std::string(topic->name())});
    }
    state.fenced([&] { state.relay->settle(std::move(interests), std::move(done)); });
}

SubscriberInfo SubscriberImpl::info() const {
    SubscriberInfo info{.id = id_,
                        .user = user_,
                        .session = session_,
                        .topics = topics(),
                        .remote_address = outlet_.remote_address(),
                        .since = since_,
                        .last_heard = {}};
    if (const auto heard = outlet_.last_heard()) {
        const auto ago = std::chrono::steady_clock::now() - *heard;
        info.last_heard =
            std::chrono::system_clock::now() - std::chrono::round<std::chrono::system_clock::duration>(ago);
    }
    return info;
}

}  // namespace cryo::hub
