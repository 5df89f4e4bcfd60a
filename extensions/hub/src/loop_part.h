#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <cryo/hub/audience.h>
#include <cryo/hub/hub.h>
#include <cryo/loop.h>

#include "operation.h"
#include "subscriber.h"
#include "topic.h"

namespace cryo::hub {

class HubState;

/// A hub's part on one loop: the subscribers of that loop, by topic, by user, and all.
///
/// A receiver that is let go of may take its subscriber with it, so whatever looks at receivers while it changes
/// something keeps them until that is done. Loop thread only but for what is marked. Owned by the hub's state, which
/// subscribers and operations share.
class LoopPart {
public:
    LoopPart(HubState& state, LoopPtr loop) : state_(state), loop_(std::move(loop)) {}

    const LoopPtr& loop() const noexcept { return loop_; }  ///< Any thread.
    HubState& state() const noexcept { return state_; }     ///< Any thread.
    std::size_t index() const noexcept { return loop_->index(); }

    // -- operations --
    /// Hands it to this loop from another thread, within limits. Any thread.
    void hand(const std::shared_ptr<Operation>& operation);
    /// Runs it: at once, or after what is running on this loop now.
    void run(Claim claim);

    // -- subscribers --
    /// Takes a new one in, with its user and topics; on an error nothing is left of that.
    Result<> admit(const std::shared_ptr<SubscriberImpl>& subscriber, const std::vector<std::string>& topics);
    /// Takes it out; nothing happens when it is out already.
    void drop(SubscriberImpl& subscriber);
    /// All of them, at the hub's end. Of the loop's thread, or after the loop has ended.
    void drop_all();
    /// Its receiver has come: joins the groups of its topics.
    void bind(SubscriberImpl& subscriber, Outlet outlet);
    Result<bool> subscribe(SubscriberImpl& subscriber, std::string_view topic);
    bool unsubscribe(SubscriberImpl& subscriber, std::string_view topic);
    Result<> identify(SubscriberImpl& subscriber, std::string_view user, std::string_view session);

    // -- for operations --
    /// Those of this loop in the audience, each once. Valid until the next call, and during an operation all of it,
    /// even when they are dropped.
    std::span<SubscriberImpl* const> select(const Audience& audience);
    Topic* find_topic(std::string_view name) noexcept;
    /// Of all subscribers; made for the first publication to everybody. Null: there are none.
    Topic* everybody();
    /// Null: no such connection on this loop.
    SubscriberImpl* find_connection(std::string_view id) const;
    /// Whether the subscriber is in the group of that topic, which may be `everybody()`.
    bool is_grouped(const SubscriberImpl& subscriber, const Topic& topic) const noexcept;
    template <class Visit>
    void for_each_topic(Visit&& visit) const {
        for (const auto& [name, topic] : topics_) visit(topic);
    }

    struct Counters {
        std::atomic<std::uint64_t> deliveries{0};
        /// Receivers count in it as well, and may outlive the hub.
        const std::shared_ptr<std::atomic<std::uint64_t>> drops = std::make_shared<std::atomic<std::uint64_t>>(0);
        std::atomic<std::size_t> subscribers{0}, subscriptions{0};
    };
    Counters& counters() noexcept { return counters_; }  ///< Any thread.

private:
    using Users = std::unordered_map<std::string_view, std::vector<SubscriberImpl*>>;

    bool may_wait(std::size_t bytes) noexcept;
    void waited(std::size_t bytes) noexcept;
    void run_now(Claim claim);
    void run_later_ones();
    void tidy();
    template <class Visit>
    void for_each_in(const Target& target, Visit&& visit);
    void add_to_user(SubscriberImpl& subscriber);
    void remove_from_user(SubscriberImpl& subscriber);
    void remove_subscription(SubscriberImpl& subscriber, std::size_t index);
    void tell_moved(Topic::Member moved, const Topic::Place& place);
    void release(Topic& topic);
    void erase(Topic& topic);

    static constexpr std::uint32_t kEverybody = UINT32_MAX;  // the index of members of that topic

    HubState& state_;
    const LoopPtr loop_;
    std::vector<std::shared_ptr<SubscriberImpl>> subscribers_{};
    std::unordered_map<std::string_view, Topic> topics_{};  // names are the directory's
    Users users_{};                                         // likewise
    std::unique_ptr<Topic> everybody_{};

    std::deque<Claim> later_{};  // called for on this loop while another operation ran
    std::vector<SubscriberImpl*> selected_{};
    std::uint64_t mark_ = 0;
    bool running_ = false;
    bool resuming_ = false;                                   // a task is posted that runs the later ones
    std::vector<std::shared_ptr<SubscriberImpl>> dropped_{};  // while running: kept until that has ended
    std::vector<Topic*> emptied_{};                           // likewise

    std::atomic<std::size_t> waiting_{0}, waiting_bytes_{0};
    Counters counters_{};
};

}  // namespace cryo::hub
