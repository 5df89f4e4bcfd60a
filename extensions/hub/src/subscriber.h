#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/hub/subscriber.h>

#include "outlet.h"
#include "topic.h"

namespace cryo::hub {

class LoopPart;

/// A subscriber as its loop's part of the hub keeps it, from `admit` to `drop`. What the application holds is a handle
/// to it (`make_handle`), with which it goes.
class SubscriberImpl final : public Subscriber, public std::enable_shared_from_this<SubscriberImpl> {
public:
    /// @param attachment id, user and session within the limits
    SubscriberImpl(std::shared_ptr<LoopPart> part, Attachment attachment);

    /// What the application keeps; when the last copy of it goes, the subscriber is detached.
    SubscriberPtr make_handle();

    const std::string& id() const noexcept override { return id_; }
    bool attached() const noexcept override { return attached_.load(std::memory_order_acquire); }
    void detach() override;

    Result<> bind(Connection& connection) override;
    Result<> bind(Session& session) override;
    Result<> bind(const std::shared_ptr<IReceiver>& receiver) override;

    Result<bool> subscribe(std::string_view topic) override;
    bool unsubscribe(std::string_view topic) override;
    bool subscribed(std::string_view topic) const override;
    std::vector<std::string> topics() const override;

    std::string_view user() const noexcept override { return user_; }
    std::string_view session() const noexcept override { return session_; }
    Result<> identify(std::string_view user, std::string_view session) override;
    void settle(UniqueFunction<void()> done) override;

    // -- for the hub; loop thread only --
    struct Subscription {
        Topic* topic;
        Topic::Place place;
    };

    const std::shared_ptr<const IWireForm>& form() const noexcept { return form_; }
    Outlet& outlet() noexcept { return outlet_; }
    LoopPart& part() const noexcept { return *part_; }
    bool receives() const noexcept { return attached() && outlet_.is_open(); }
    bool is_of_session(std::string_view session) const noexcept { return session.empty() || session_ == session; }
    SubscriberInfo info() const;
    /// Leaves a note on the session, with which its end is noticed.
    void keep_in(Session& session);
    static void drop_all_of(Session& session);

private:
    friend class LoopPart;

    static constexpr std::string_view kSessionSlot = "cryo.hub";

    /// Why a call cannot be served, or success.
    Result<> usable() const;
    template <class Receiver>
    Result<> bind_to(Receiver&& receiver);

    std::shared_ptr<LoopPart> part_;
    std::string id_, user_, session_;
    std::shared_ptr<const IWireForm> form_;
    Outlet outlet_{};
    std::vector<Subscription> subscriptions_{};
    std::chrono::system_clock::time_point since_;
    std::uint64_t mark_ = 0;       // LoopPart: of the latest selection that met it
    std::uint32_t slot_ = 0;       // in the part's table
    Topic::Place in_everybody_{};  // when the part has such a topic
    std::atomic<bool> attached_{false};
};

}  // namespace cryo::hub
